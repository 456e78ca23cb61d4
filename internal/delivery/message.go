package delivery

// message is what a writer is told.
type message struct {
	kind   messageKind
	conn   *conn        // all kinds but frame
	share  *share       // frame, join
	frame  []byte       // frame: its bytes
	at     uint64       // frame: the Unix time in milliseconds when it was logged
	frames [][]byte     // start: what the stream gets first; alone: what it gets
	left   func(Reason) // serve
	reason Reason       // end
}

type messageKind int

const (
	kindFrame messageKind = iota // for all of a share
	kindStart                    // a connection is the writer's from now on
	kindAlone                    // it gets something, before it joins
	kindJoin                     // it gets what comes for the share from now on
	kindServe                    // who is to be told of its end
	kindEnd                      // it ends, after what was sent to it before
)
