"""What names, labels, metadata and options must look like, with the reference's texts.

Lives here: functions that return lists of messages (names) or of FieldErrors (everything else), and never raise for
what a client sent. Not here: what one kind demands of its own fields; that is its strategy's business.
"""
