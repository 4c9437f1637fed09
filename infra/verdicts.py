"""Where a processor tells what a person should hear at once: subscribe to it, nobody is."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.environments import Environment
from infra.storage import Key


class Verdicts(sns.Topic):
    """Encrypted with the customer key; the processor's role publishes, over TLS."""

    def __init__(
        self, scope: Construct, name: str, *, environment: Environment, processor: str, key: Key
    ) -> None:
        super().__init__(
            scope,
            name,
            display_name=f"Headrace {environment.name} {processor}",
            master_key=key,
            enforce_ssl=True,
        )
        self._key = key

    def grant_tell(self, role: iam.IGrantable) -> None:
        iam.Grant.add_to_principal(
            grantee=role, actions=["sns:Publish"], resource_arns=[self.topic_arn]
        )
        self._key.grant_through("sns", role, "kms:Decrypt", "kms:GenerateDataKey")
