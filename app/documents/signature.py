"""The signature of a letter (DKIM): the bytes of an e-mail in, the same bytes with the signature before them out.

Source: RFC 6376, 8301 (RSA with SHA-256), 8058 (the heads of one click are signed).
"""

import dkim

# Named twice: who adds a second one breaks the signature.
SIGNED = (
    *(b"from", b"from", b"to", b"to", b"subject", b"subject", b"date", b"message-id", b"reply-to", b"reply-to"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding", b"content-language"),
    *(b"list-unsubscribe", b"list-unsubscribe", b"list-unsubscribe-post", b"list-unsubscribe-post"),
)  # fmt: skip


def fits(domain: str, sender: str) -> bool:
    """Say whether a domain may sign for a sender: his own, or one above it."""
    host = sender.rpartition("@")[2].lower()
    return host == domain or host.endswith(f".{domain}")


def signed(content: bytes, *, domain: str, selector: str, key: bytes) -> bytes:
    """Return a letter with its signature."""
    head: bytes = dkim.sign(
        content,
        selector.encode(),
        domain.encode(),
        key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=list(SIGNED),
    )
    return head + content
