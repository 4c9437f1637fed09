"""SQL over the lake: a workgroup that no client can widen, and the queries that ship with it."""

from pathlib import Path
from string import Template
from typing import NamedTuple

from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environments import Environment
from infra.storage import RESULTS_PREFIX

QUERIES = Path(__file__).parent / "queries"


class WorkGroup(Construct):
    """Results go where the workgroup says, encrypted, and a query that reads too much is stopped,
    whatever a client asks for."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        bucket: s3.IBucket,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, name)
        results = athena.CfnWorkGroup.ResultConfigurationProperty(
            output_location=bucket.s3_url_for_object(RESULTS_PREFIX),
            encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                encryption_option="SSE_KMS", kms_key=key.key_arn
            ),
        )
        workgroup = athena.CfnWorkGroup(
            self,
            "Resource",
            name=environment.workgroup,
            description=f"Headrace {environment.name}: SQL over the lake",
            recursive_delete_option=True,  # its history is no data: results are in the bucket
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                bytes_scanned_cutoff_per_query=environment.scan_limit_bytes,
                enforce_work_group_configuration=True,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                publish_cloud_watch_metrics_enabled=True,
                result_configuration=results,
            ),
        )
        self.name = workgroup.ref


class Query(NamedTuple):
    name: str
    description: str
    sql: str


def queries(*, database: str) -> list[Query]:
    """The queries of infra/queries, sorted by name: a file's name, its first line, a comment that
    says what it answers, and its text with `${database}` filled in."""
    found = []
    for file in sorted(QUERIES.glob("*.sql")):
        first, rest = file.read_text().split("\n", 1)
        sql = Template(rest).substitute(database=database).strip()
        found.append(Query(file.stem, first.removeprefix("-- "), sql))
    return found


class NamedQueries(Construct):
    def __init__(
        self, scope: Construct, name: str, *, database: glue.CfnDatabase, workgroup: WorkGroup
    ) -> None:
        super().__init__(scope, name)
        for query in queries(database=database.ref):
            athena.CfnNamedQuery(
                self,
                query.name,
                name=query.name,
                description=query.description,
                database=database.ref,
                query_string=query.sql,
                work_group=workgroup.name,
            )
