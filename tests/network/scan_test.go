package network

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

var moreErrors = regexp.MustCompile(`More connections failed count=(\d+)`)

func TestAScanOfJunkDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	s, _ := serveTLS(t)
	const connections = 500
	began := time.Now()
	for i := range connections {
		conn, err := net.Dial("tcp", s.Host())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(harness.Patience))
		fmt.Fprintf(conn, "\x00junk %d", i)
		io.Copy(io.Discard, conn) // until the server closes it
		conn.Close()
	}
	lines := func() int { return strings.Count(s.Stderr(), "TLS handshake error") }
	harness.Eventually(t, "each connection is in a line or in a summary", func() bool {
		sum := lines()
		for _, summary := range moreErrors.FindAllStringSubmatch(s.Stderr(), -1) {
			more, _ := strconv.Atoi(summary[1])
			sum += more
		}
		return sum >= connections
	})
	seconds := int(time.Since(began).Seconds()) + 1
	if n := lines(); n == 0 || n > 5*seconds {
		t.Errorf("%d lines in %d s, want a handful a second:\n%s", n, seconds, s.Stderr())
	}
	summaries := moreErrors.FindAllString(s.Stderr(), -1)
	if len(summaries) == 0 || len(summaries) > seconds {
		t.Errorf("%d summaries in %d s: %q", len(summaries), seconds, summaries)
	}
}
