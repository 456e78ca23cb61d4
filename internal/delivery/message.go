package delivery

import "iris-broadcast/internal/metrics"

// message is what a writer is sent.
type message struct {
	kind   messageKind
	conn   *conn                // all kinds but frame
	share  *share               // frame, join
	frame  []byte               // frame, alone: its bytes
	at     uint64               // frame: the Unix time in milliseconds when it was logged, or 0
	frames [][]byte             // start: what the stream gets first
	left   func(metrics.Reason) // serve
	reason metrics.Reason       // end
}

type messageKind int

const (
	kindFrame messageKind = iota // for all connections of a share
	kindStart                    // the connection is the writer's from now on
	kindAlone                    // a frame for one connection, before it joins
	kindJoin                     // the connection gets what comes for the share from now on
	kindServe                    // whom to tell of its end
	kindEnd                      // it ends, after what was sent to it before
)

// outbox collects the messages for one writer, until Audiences.Flush. It belongs to the goroutine that owns the
// audiences.
type outbox struct {
	writer   *writer
	messages []message
}

func (o *outbox) add(m message) { o.messages = append(o.messages, m) }

// flush posts the messages.
func (o *outbox) flush() {
	if len(o.messages) == 0 {
		return
	}
	o.writer.post(o.messages...)
	clear(o.messages)
	o.messages = o.messages[:0]
}
