"""HTTP/2 (RFC 9113) without I/O: bytes in, calls of receivers, bytes out.

frames           numbers of frames, flags and settings; the bytes of a frame
faults           error codes, and what is raised for a peer that breaks a rule
header_blocks    HPACK (RFC 7541): blocks read through a memo, blocks written without a table
header_rules     which headers a request, a response and trailers may have
limits           bounds of one connection
stream           one stream: its windows, what waits to be sent, who receives
outlet           what is sent: windows of the peer, and fairness between streams
connection       both ends of a connection: frames in, rules kept
server_end, client_end    the rules of one end
"""
