"""What is done to a store from the command line: reading it beside a server, backups, checks, compaction, copies.

Nothing here needs a scheme: what a key and its value say is enough (`objects`). What reads works beside a running server;
what writes to a store takes its lock, and is refused while somebody has it open.
"""
