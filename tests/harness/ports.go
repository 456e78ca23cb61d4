package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Reserve listens on a port of 127.0.0.1 that nobody uses, below those that systems give to outgoing connections, so
// that no client of another test takes it. Whoever is to have the address closes the listener first.
func Reserve(t testing.TB) net.Listener {
	t.Helper()
	for range 100 {
		if listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20_000+rand.IntN(10_000))); err == nil {
			t.Cleanup(func() { listener.Close() })
			return listener
		}
	}
	t.Fatal("all ports are taken")
	return nil
}
