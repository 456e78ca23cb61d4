package delivery

import (
	"time"

	"golang.org/x/sys/unix"
)

// vanishedAfter is how long a client may acknowledge nothing: two heartbeats. It is at least stall + 5 s, since the
// probes of a closed receive window come ever more rarely (RFC 9293, section 3.8.6.1).
func vanishedAfter(limits Limits) time.Duration {
	return max(2*limits.Heartbeat, limits.Stall+5*time.Second)
}

// Vanished reports whether the peer of a TCP socket has gone without a word: it has acknowledged nothing for so long,
// though something is to be acknowledged. TCP_USER_TIMEOUT (RFC 5482) would say so by itself, but Linux counts the time
// from when the peer's window was first closed, and so ends peers that read slowly.
func Vanished(fd int, limits Limits) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false // no TCP socket
	}
	silence := time.Duration(info.Last_ack_recv) * time.Millisecond
	return (info.Unacked > 0 || info.Notsent_bytes > 0) && silence > vanishedAfter(limits)
}
