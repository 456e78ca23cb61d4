package main

import (
	"context"
	"strings"
	"time"

	"github.com/kataras/golog"
	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/logs"
	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Broker fans the events of one log out to the subscribers of their topics. One goroutine, listen, owns who is
// subscribed to what; everything else talks to it through channels. It never waits for a client and does no I/O: its
// engine does that. A client arrives in ServeHTTP, on the goroutine of its own request, which reads what it missed.
type Broker struct {
	// Notifier takes events in the log's order, from the log's follower alone. To publish, call Log.Append: the event
	// gets its ID, becomes durable, and then arrives here.
	Notifier chan stream.Batch

	newClients     chan *client // to be registered
	closingClients chan *client // to be forgotten
	questions      chan func()  // run by listen, so that they see the registry

	// Set by NewBroker, then read-only.
	log     stream.Log
	pages   *stream.Pages // of log, for clients that are behind
	engine  *delivery.Engine
	options BrokerOptions
	close   func()          // begins to close; safe twice
	closing <-chan struct{} // closed when Close begins
	done    <-chan struct{} // closed when listen has ended

	// Owned by listen.
	clients   map[*client]bool
	audiences delivery.Audiences // who is subscribed to what
	recent    delivery.Recent    // the newest events, for clients that come back; others read the log
}

// BrokerOptions bound a Broker.
type BrokerOptions struct {
	Recent  int           // bytes of the newest events held in memory, about
	Retry   time.Duration // after which a client that was cut off comes back, on average
	Drain   time.Duration // the longest that Close takes
	Metrics *metrics.Metrics
	Traffic *logs.Traffic // logs how streams end
}

// client is one stream.
type client struct {
	topics     stream.Selection
	form       sse.Form
	stream     delivery.Stream
	audience   *delivery.Audience // the streams of the same topics in the same form; listen's
	after      stream.ID          // everything up to here has been written
	registered chan bool          // listen's answer; false: read more of the log first
	reason     metrics.Reason     // why it left
	from       logs.Client        // who it is, for the log
}

// NewBroker returns a running broker for what is appended to log from now on. Brokers may share an engine.
func NewBroker(log stream.Log, engine *delivery.Engine, options BrokerOptions) (*Broker, error) {
	head, err := log.Head(context.Background())
	if err != nil {
		return nil, err
	}
	closing, closeNow := context.WithCancel(context.Background())
	ended, end := context.WithCancel(context.Background())
	b := &Broker{Notifier: make(chan stream.Batch),
		newClients: make(chan *client), closingClients: make(chan *client), questions: make(chan func()),
		log: log, pages: stream.NewPages(log), engine: engine, options: options,
		close: closeNow, closing: closing.Done(), done: ended.Done(),
		clients: map[*client]bool{}, audiences: delivery.NewAudiences(engine),
		recent: delivery.NewRecent(head, options.Recent)}
	go b.listen(end)
	go b.follow(ended, head)
	return b, nil
}

// follow brings what is appended to the log to Notifier.
func (b *Broker) follow(ctx context.Context, after stream.ID) {
	for ctx.Err() == nil {
		err := b.log.Follow(ctx, after, func(batch stream.Batch) error {
			select {
			case b.Notifier <- batch:
				after = batch.Reached
			case <-ctx.Done():
			}
			return ctx.Err()
		})
		if ctx.Err() == nil {
			golog.Errorf("Following the log: %v. Trying again in a second", err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// listen owns the registry until Close is called and the last client has left; then it calls end.
func (b *Broker) listen(end func()) {
	defer end()
	closing := b.closing // nil once it has been seen
	var ending delivery.Ending
	for over := false; !over && (closing != nil || len(b.clients) > 0); {
		notifier, room := b.Notifier, b.engine.Behind()
		if room != nil {
			notifier = nil // until there is room: publishers wait, see stream.Log
		}
		select {
		case c := <-b.newClients:
			if held := b.add(c); held && closing == nil {
				c.stream.End(metrics.Closing)
			}
		case c := <-b.closingClients:
			delete(b.clients, c)
			b.audiences.Leave(c.audience, c.stream)
			b.options.Metrics.Left(c.reason)
		case batch := <-notifier:
			b.fanOut(batch)
		case <-room:
		case question := <-b.questions:
			question()
		case <-closing:
			closing, ending = nil, delivery.NewEnding(b.options.Drain)
			for c := range b.clients {
				ending.Add(c.stream)
			}
		case now := <-ending.Tick():
			over = ending.End(now)
		}
		b.audiences.Flush()
	}
}

// fanOut sends events to the subscribers of their topics; first, if the log's follower may have missed some, a gap.
func (b *Broker) fanOut(batch stream.Batch) {
	if batch.Gap != nil {
		b.options.Metrics.Gaps.Add(float64(b.audiences.Miss(b.recent.Newest(), *batch.Gap, batch.Begin())))
		b.recent = delivery.NewRecent(batch.Begin(), b.options.Recent)
		b.recent.Forget(batch.Gap.Newest)
	}
	for _, e := range batch.Events {
		f := &delivery.Frame{Event: e}
		b.audiences.Send(f)
		b.recent.Add(f)
	}
}

// add registers a client and hands it what it still lacks, if that is held here.
func (b *Broker) add(c *client) (held bool) {
	missed, held := b.recent.After(c.after)
	if held {
		c.audience = b.audiences.Of(c.form, c.topics)
		c.topics = c.audience.Selection // one for them all
		b.audiences.Join(c.audience, c.stream, missed, b.recent.Newest().Less(c.after), c.after)
		b.clients[c] = true
		b.options.Metrics.Joined()
	}
	c.registered <- held
	return held
}

// ServeHTTP streams to a request what it asks to read. An error comes before the first byte: delivery.ErrFull, or the
// log's. It may return while the stream goes on.
func (b *Broker) ServeHTTP(ctx iris.Context, reading delivery.Reading) error {
	if err := b.engine.Enter(); err != nil {
		return err
	}
	leave := b.engine.Leave
	defer func() { leave() }()
	start, request := reading.Start, ctx.Request()
	held := start.Kind == stream.After && b.ask(func() bool { return b.recent.Holds(start.After) })
	replay, err := start.Replay(request.Context(), b.pages, reading.Topics, held)
	defer replay.End()
	if err != nil {
		return err
	}
	c := &client{topics: reading.Topics, form: reading.Form, registered: make(chan bool, 1),
		from: logs.From(request, time.Now())}
	c.stream = b.engine.Open(ctx.ResponseWriter(), ctx.ResponseWriter().Naive(), request, c.form)
	b.options.Traffic.Opened()
	c.stream.Write(delivery.Head(c.form, b.options.Retry, replay.Position, start.Kind == stream.Lost))
	if registered := b.catchUp(request.Context(), c, replay); !registered {
		c.stream.Close()
		b.ended(c)
		return nil
	}
	leave = func() {} // from here on the stream's end gives its place back
	c.stream.Serve(func(reason metrics.Reason) {
		c.reason = reason
		b.ended(c)
		select {
		case b.closingClients <- c:
		case <-b.done:
		}
		b.engine.Leave()
	})
	return nil
}

// catchUp writes what the client missed, until listen holds the rest and has registered it. It returns false if the
// stream is to end before that.
func (b *Broker) catchUp(ctx context.Context, c *client, replay *stream.Replay) (registered bool) {
	for {
		if c.reason = c.stream.WritePage(replay.Since, replay.Page); c.reason != metrics.Open {
			return false
		}
		replay.End()
		c.after = replay.Page.Reached
		select {
		case <-b.closing:
			c.reason = metrics.Closing
			return false
		case b.newClients <- c:
			if <-c.registered {
				return true
			}
		}
		if err := replay.Next(ctx); err != nil {
			if c.reason = metrics.Left; ctx.Err() == nil {
				c.reason = metrics.Open // it is the server that failed
				b.options.Traffic.Failed(c.entry(), err)
			}
			return false
		}
	}
}

// ended logs the end of a stream.
func (b *Broker) ended(c *client) {
	if c.reason != metrics.Open { // else its failure has been logged
		b.options.Traffic.Ended(c.reason == metrics.Left || c.reason == metrics.Closing, c.entry)
	}
}

// entry is what the log says of the client.
func (c *client) entry() logs.Entry {
	e := logs.Entry{Client: c.from, Topics: strings.Join(c.topics.Names(), ",")}
	if c.reason != metrics.Open {
		e.Reason = c.reason.String()
	}
	return e
}

// Streams is how many streams are registered.
func (b *Broker) Streams() int { return b.audiences.Streams() }

// HasSubscribers says whether any stream is of the topic.
func (b *Broker) HasSubscribers(topic stream.Topic) bool {
	return b.ask(func() bool { return b.audiences.Has(topic) })
}

// ask has listen answer a question; once listen has ended the answer is no.
func (b *Broker) ask(question func() bool) bool {
	answer := make(chan bool, 1)
	select {
	case b.questions <- func() { answer <- question() }:
		return <-answer
	case <-b.done:
		return false
	}
}

// Close ends all streams, each after what it was sent: a thousand a second, faster where Drain requires it, so that
// their clients do not all return at once. It returns when the last has left, or after Drain. It is safe twice.
func (b *Broker) Close() {
	b.close()
	<-b.done
}
