"""What a processor with state has beside one without: a network, a cache in it, and a topic."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from events.release import KEY
from functions.shared.settings import StatefulSettings
from infra import watches
from infra.alarms import Alarms
from infra.environments import Environment
from infra.ingestion import Ingestion
from infra.network import Network
from infra.state import State
from infra.storage import Bucket, Key
from infra.verdicts import Verdicts


class Stateful(Construct):
    """function ─► cache; function ─► topic; function ◄─ registry of releases in the lake"""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        processor: str,
        settings: type[StatefulSettings],
        key: Key,
    ) -> None:
        super().__init__(scope, name)
        self._environment, self._processor = environment, processor
        self.network = Network(self, "Network", environment=environment)
        self.state = State(
            self,
            "State",
            environment=environment,
            processor=processor,
            settings=settings,
            network=self.network,
            key=key,
        )
        self.verdicts = Verdicts(
            self, "Verdicts", environment=environment, processor=processor, key=key
        )
        self.outputs = {
            "CacheName": self.state.name,
            "CacheAddress": self.state.address,
            "VerdictTopicArn": self.verdicts.topic_arn,
        }

    def given(self, bucket: Bucket) -> dict[str, str]:
        """The settings of a processor that know all this."""
        return {
            "valkey_address": self.state.address,
            "valkey_name": self.state.name,
            "valkey_user": self.state.user,
            "topic_arn": self.verdicts.topic_arn,
            "bucket": bucket.bucket_name,
        }

    def grant(self, role: iam.IRole, *, bucket: Bucket, derived: Ingestion) -> None:
        """The function's arrows, and the ways they take: cache, registry, topic, derived stream."""
        network, services = self.network, ec2.InterfaceVpcEndpointAwsService
        registry, topic = bucket.arn_for_objects(KEY), self.verdicts.topic_arn
        self.state.grant_connect(role)
        bucket.grant_look(role, KEY)
        network.open_bucket(role, bucket_arn=bucket.bucket_arn, object_arn=registry)
        self.verdicts.grant_tell(role)
        network.open("Sns", services.SNS, role, ["sns:Publish"], [topic])
        stream = derived.stream.stream_arn
        network.open("Kinesis", services.KINESIS_STREAMS, role, ["kinesis:PutRecords"], [stream])

    def watch(self, topic: sns.ITopic) -> None:
        """Alarms on the cache and on the topic of verdicts."""
        Alarms(
            self,
            "Alarms",
            topic=topic,
            watches=watches.of_state(
                self._processor,
                cache=self.state.dimensions,
                topic={"TopicName": self.verdicts.topic_name},
                gigabytes=self._environment.cache_gigabytes,
            ),
        )
