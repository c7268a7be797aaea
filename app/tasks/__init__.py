"""Background work: Celery shells over the outbox, whose rows are the truth."""
