"""TLS of listeners and channels: the files it stands on, and handshakes of strangers.

    certificates   PEM files as contexts of `ssl`; read again when they change
    listener       accepts connections and makes their handshakes, so many at once
    metrics        of both

TLS 1.2 at least. The name in a server's certificate is always checked. What is spoken inside is chosen by ALPN.
"""
