"""Failed batches, processed again by the function that failed them.

plan       what a run would do, found out without invoking anything
run        one run: its lease, its batches, its receipt
lease      only one run at a time
worker     lanes side by side, and what they settle written to the archive
lanes      which batches go one after the other, and which side by side
shard      one lane: which records go next, and what an answer changes
receipts   the account of a run, on the screen and in the lake's bucket
"""
