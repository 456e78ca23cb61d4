package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kataras/golog"
	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/web"
)

// How many events a client that is behind reads from the log at a time, and about how many bytes.
const pageSize, pageBytes = 250, 256 << 10

// Broker fans events out to the clients of their topics. One goroutine, listen, owns who listens to what; others talk to it
// through channels. It never waits for a client and does no I/O: that is its engine's work. Each client comes in ServeHTTP,
// on the goroutine of its own request, which reads what the client missed.
type Broker struct {
	// Notifier takes events in the log's order, from the log's follower alone. To publish, call Log.Append: then the event
	// gets its ID, is kept, and comes here.
	Notifier chan stream.Batch

	newClients     chan *client // who wants to be registered
	closingClients chan *client // who was, and goes
	questions      chan func()  // for listen to run, so that they see the registry

	// Set by NewBroker, then read-only.
	log     stream.Log
	options BrokerOptions
	places  chan struct{}   // holds a token for each stream that is open
	closing chan struct{}   // closed when Close begins
	once    sync.Once       // closes closing
	done    <-chan struct{} // closed when listen has ended
	tally   *delivery.Tally
	engine  *delivery.Engine

	// Owned by listen.
	clients   map[*client]bool
	audiences delivery.Audiences // who listens to what
	recent    delivery.Recent    // the newest events, for clients that come back; who is further behind reads the log
}

// BrokerOptions are a Broker's bounds.
type BrokerOptions struct {
	delivery.Limits
	MaxStreams   int           // at once; who is more is asked to come back
	Retry, Drain time.Duration // after which clients that were cut off come back, on average; the longest that Close takes
	Metrics      *metrics.Metrics
}

// client is one stream.
type client struct {
	topics     stream.Selection
	form       delivery.Form
	stream     delivery.Stream
	audience   *delivery.Audience // those that listen to the same; listen's
	after      stream.ID          // the last event that it has, or where it began
	registered chan bool          // listen's answer; false is that the client has to read more of the log before
	reason     delivery.Reason    // why it left
}

// NewBroker returns a Broker that tells of what is appended to log from now on. Close ends it.
func NewBroker(log stream.Log, options BrokerOptions) (*Broker, error) {
	head, err := log.Head(context.Background())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Broker{
		Notifier: make(chan stream.Batch), newClients: make(chan *client), closingClients: make(chan *client),
		questions: make(chan func()), log: log, options: options, tally: delivery.NewTally(options.Metrics),
		places: make(chan struct{}, options.MaxStreams), closing: make(chan struct{}), done: ctx.Done(),
		engine:  delivery.NewEngine(options.Limits, options.Metrics),
		clients: map[*client]bool{}, audiences: delivery.NewAudiences(),
		recent: delivery.NewRecent(head, options.MaxPending/2),
	}
	go b.listen(cancel)
	go b.follow(ctx, head)
	return b, nil
}

// follow brings what is appended to the log to Notifier.
func (b *Broker) follow(ctx context.Context, after stream.ID) {
	deliver := func(batch stream.Batch) error {
		select {
		case b.Notifier <- batch:
			after = batch.Reached
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		err := b.log.Follow(ctx, after, deliver)
		if ctx.Err() != nil {
			return
		}
		golog.Errorf("Following the log: %v. Trying again in a second", err)
		time.Sleep(time.Second)
	}
}

// listen owns the registry, until Close and until the last client has left; cancel then closes done.
func (b *Broker) listen(cancel context.CancelFunc) {
	defer cancel()
	defer b.engine.Close()
	closing := b.closing // nil once it has been seen
	var ending delivery.Ending
	for closing != nil || b.Streams() > 0 {
		notifier := b.Notifier
		if b.engine.Behind() {
			notifier = nil // until there is room: so that publishers wait, see stream.Log
		}
		select {
		case c := <-b.newClients:
			b.add(c)
			if closing == nil {
				c.stream.End(delivery.Closing)
			}
		case c := <-b.closingClients:
			b.remove(c)
		case batch := <-notifier:
			b.tell(batch)
		case <-b.engine.Room():
		case question := <-b.questions:
			question()
		case <-closing:
			closing, ending = nil, delivery.NewEnding(b.options.Drain)
			for c := range b.clients {
				ending.Add(c.stream)
			}
		case now := <-ending.Tick():
			if over := ending.End(now); over {
				return
			}
		}
		b.engine.Flush()
	}
}

// tell has everybody told of what came from the log, and first of what may be missing; who lacks that has to ask the log.
func (b *Broker) tell(batch stream.Batch) {
	if batch.Gap != nil {
		b.options.Metrics.Gaps.Add(float64(b.audiences.Miss(b.recent.Newest(), *batch.Gap, batch.Begin())))
		b.recent = delivery.NewRecent(batch.Begin(), b.options.MaxPending/2)
		b.recent.Forget(batch.Gap.Newest)
	}
	b.options.Metrics.Events.Add(float64(len(batch.Events)))
	for _, e := range batch.Events {
		f := &delivery.Frame{Event: e}
		b.audiences.Send(f)
		b.recent.Add(f)
	}
}

// add registers a client and hands over what it does not have yet, if that is still here.
func (b *Broker) add(c *client) {
	missed, held := b.recent.After(c.after)
	if !held {
		c.registered <- false
		return
	}
	c.audience = b.audiences.Of(c.form, c.topics)
	c.topics = c.audience.Selection // one for them all
	c.audience.Join(c.stream, missed, b.recent.Newest().Less(c.after), c.after)
	b.clients[c] = true
	b.tally.Joined(len(b.clients))
	c.registered <- true
}

// remove ends a client's registration.
func (b *Broker) remove(c *client) {
	delete(b.clients, c)
	b.audiences.Leave(c.audience, c.stream)
	b.tally.Left(c.reason, len(b.clients))
}

// ServeHTTP streams what a request asks for. It may return while the stream goes on.
func (b *Broker) ServeHTTP(ctx iris.Context, reading web.Reading) {
	select {
	case b.places <- struct{}{}:
		b.serve(ctx, reading)
	default:
		b.tally.TurnedAway(b.options.MaxStreams)
		web.StreamHeader(ctx)
		ctx.Write(delivery.TurnedAway(5*time.Second + rand.N(10*time.Second)))
	}
}

// serve streams to a client that has a place, until it leaves the place.
func (b *Broker) serve(ctx iris.Context, reading web.Reading) {
	leave := func() { <-b.places }
	defer func() { leave() }()
	request, turn := ctx.Request(), stream.Turn{}
	defer turn.End()
	position, page, err := b.read(request.Context(), &turn, reading)
	if err != nil {
		web.Fail(ctx, err)
		return
	}
	web.StreamHeader(ctx)
	c := &client{topics: reading.Topics, form: reading.Form, registered: make(chan bool, 1)}
	c.stream = b.engine.Open(ctx.ResponseWriter(), ctx.ResponseWriter().Naive(), request, c.form)
	c.stream.Write(delivery.Head(c.form, b.options.Retry/2+rand.N(b.options.Retry), position, reading.Start.Kind == stream.Lost))
	if registered := b.catchUp(request.Context(), &turn, c, reading.Start.Given, page); !registered {
		c.stream.Close()
		return
	}
	leave = func() {} // but when the stream has ended
	c.stream.Serve(request.Context(), func(reason delivery.Reason) {
		c.reason = reason
		select {
		case b.closingClients <- c:
		case <-b.done:
		}
		<-b.places
	})
}

// read finds where the stream begins, and the first page of what it missed, unless listen holds all of it, encoded already.
func (b *Broker) read(ctx context.Context, turn *stream.Turn, reading web.Reading) (position stream.ID, page stream.Page, err error) {
	start, limit := reading.Start, pageSize
	held := start.Kind == stream.After && b.ask(func() bool { return b.recent.Holds(start.After) })
	if held {
		limit = 1 // to see whether there is a gap
	}
	position, page, err = start.Stream(ctx, turn, b.log, reading.Topics, limit, pageBytes)
	if held && page.Gap == nil {
		turn.End() // there is nothing to be encoded
		page = stream.Page{Reached: position, Mark: page.Mark}
	}
	return position, page, err
}

// catchUp writes what the client missed, page by page in turn with others, until listen still holds the rest and has
// registered it. It returns false if the stream is to end before that.
func (b *Broker) catchUp(ctx context.Context, turn *stream.Turn, c *client, since string, page stream.Page) (registered bool) {
	for {
		if page.Gap != nil {
			b.options.Metrics.Gaps.Inc()
			c.stream.Write(delivery.Gap(since, *page.Gap, page.Begin()))
		}
		if c.stream.WriteEvents(page.Events) != delivery.Open {
			return false
		}
		turn.End()
		c.after, since = page.Reached, page.Reached.String()
		select {
		case <-b.closing:
			return false
		case b.newClients <- c:
			if <-c.registered {
				return true
			}
		}
		q := stream.Query{Topics: c.topics, After: c.after, Limit: pageSize, Bytes: pageBytes, Told: page.Mark}
		var err error
		if page, err = turn.Page(ctx, b.log, q); err != nil {
			golog.Errorf("Reading the log for a client that is behind: %v", err)
			return false
		}
	}
}

// Streams is how many streams are open.
func (b *Broker) Streams() int { return len(b.places) }

// Listening says whether a stream of that topic is live.
func (b *Broker) Listening(topic stream.Topic) bool {
	return b.ask(func() bool { return b.audiences.Listen(topic) })
}

// Announce tells of an event of one of the server's own topics, which no log keeps.
func (b *Broker) Announce(e stream.Event) {
	b.ask(func() bool { b.audiences.Send(&delivery.Frame{Event: e}); return true })
}

// ask has listen answer a question; once it has ended the answer is no.
func (b *Broker) ask(question func() bool) bool {
	answer := make(chan bool, 1)
	select {
	case b.questions <- func() { answer <- question() }:
		return <-answer
	case <-b.done:
		return false
	}
}

// Close ends all streams, each after what waits for it: a thousand a second, faster where Drain needs it, so that they do
// not all come back in one instant. It returns when the last has left, after Drain at the latest. It is safe twice.
func (b *Broker) Close() {
	b.once.Do(func() { close(b.closing) })
	<-b.done
}
