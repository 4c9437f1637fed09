"""The VPC that a function is in: looked up and checked. Nothing on this machine is kept apart."""

from __future__ import annotations

from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException


def of(config: dict[str, Any], account: str, region: str) -> str:
    """The id of the VPC that the configuration's subnets are in.

    Raises InvalidParameterValueException when they, or its security groups, are not all there in
    one VPC.
    """
    from moto.ec2.models import ec2_backends  # loads much, and most functions are in no VPC

    backend = ec2_backends[account][region]
    subnets, groups = config.get("SubnetIds") or [], config.get("SecurityGroupIds") or []
    vpcs: set[str | None] = set()
    for subnet in subnets:
        zones = [zone for zone in backend.subnets.values() if subnet in zone]
        vpcs.add(zones[0][subnet].vpc_id if zones else None)
    for group in groups:
        known = backend.get_security_group_from_id(group)
        vpcs.add(known.vpc_id if known else None)
    if None in vpcs or len(vpcs) != 1 or not groups:
        raise InvalidParameterValueException(
            f"The subnets {', '.join(subnets)} and the security groups {', '.join(groups)} of a "
            "function must exist, at least one of each, in one VPC."
        )
    return str(vpcs.pop())
