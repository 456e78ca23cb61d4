//go:build !linux

package delivery

import (
	"net/http"

	"iris-broadcast/internal/sse"
)

// On this system each stream is served by its handler: the types below have no values.
type (
	conn   struct{ Stream }
	writer struct{}
)

func newWriters(*Engine) []*writer { return nil }

func (*Engine) takeOver(http.ResponseWriter, *http.Request, sse.Form) Stream { return nil }

// Vanished is always false: elsewhere the system's own limit on retransmissions applies.
func Vanished(int, Limits) bool { return false }

func (*writer) post(...message) bool { return false }
func (*writer) close()               {}
func (*writer) connections() int     { return 0 }
