"""How long objects stay, and in which storage class: by the age of the object, not of its event."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk.aws_s3 import LifecycleRule, StorageClass, Transition

from infra.errors import WrongConfiguration

# Infrequent access takes no object younger than 30 days, and bills each for 30 days at least.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
LEAST_INFREQUENT_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """Days after which objects move to infrequent access, move to the archive, and are deleted;
    None is never.

    The archive is Glacier Instant Retrieval, the only one that Athena reads: of an object in the
    other two it says nothing and returns no rows.
    https://docs.aws.amazon.com/athena/latest/ug/querying-glacier.html
    """

    infrequent_days: int | None = None
    archive_days: int | None = None
    expiry_days: int | None = None

    def __post_init__(self) -> None:
        infrequent, archive, expiry = self.infrequent_days, self.archive_days, self.expiry_days
        if infrequent is not None and infrequent < LEAST_INFREQUENT_DAYS:
            raise _wrong(f"infrequent_days is {infrequent}, but must be at least 30")
        least = 1 if infrequent is None else infrequent + LEAST_INFREQUENT_DAYS
        if archive is not None and archive < least:
            raise _wrong(f"archive_days is {archive}, but must be at least {least}")
        moved = archive if archive is not None else infrequent
        least = 1 if moved is None else moved + 1
        if expiry is not None and expiry < least:
            raise _wrong(f"expiry_days is {expiry}, but must be at least {least}")

    def rule(self, name: str, prefix: str) -> LifecycleRule | None:
        """S3's rule for the objects under a prefix; None when nothing ever happens to them."""
        moves = [
            Transition(storage_class=class_, transition_after=Duration.days(days))
            for class_, days in (
                (StorageClass.INFREQUENT_ACCESS, self.infrequent_days),
                (StorageClass.GLACIER_INSTANT_RETRIEVAL, self.archive_days),
            )
            if days is not None
        ]
        if not moves and self.expiry_days is None:
            return None
        return LifecycleRule(
            id=name,
            prefix=prefix,
            transitions=moves or None,
            expiration=None if self.expiry_days is None else Duration.days(self.expiry_days),
        )


def _wrong(what: str) -> WrongConfiguration:
    return WrongConfiguration(f"A lifetime: {what} (infra/environments.py).")
