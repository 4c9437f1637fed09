"""Shard scaling of one provisioned stream: as many shards as its load, seen in CloudWatch, needs.

reading ─► scaling.decide ─► claiming ─► scaling call
(CloudWatch, (pure: one        (S3, by     (UpdateShardCount, SplitShard, MergeShards:
 Kinesis)     action, and why)  If-Match)   one at most per minute)
"""
