// Iris Broadcast turns "something happened" into a line in every open browser.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/commands"
	"iris-broadcast/internal/config"
	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/demo"
	"iris-broadcast/internal/logs"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/service"
	"iris-broadcast/internal/stores"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/web"
)

//go:embed views public
var files embed.FS

// subcommands are what the program does beside serving.
var subcommands = []*commands.Command{
	commands.Backup, commands.Restore, commands.Check, commands.Compact,
	commands.Export, commands.Import, commands.Topics, commands.Health,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	for _, c := range subcommands {
		if len(os.Args) > 1 && os.Args[1] == c.Name {
			os.Exit(c.Run(ctx, os.Args[2:], commands.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		}
	}
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		logs.Failed(err)
		os.Exit(exitCode(err))
	}
}

// exitCode is 2 for usage, 1 for whatever else went wrong.
func exitCode(err error) int {
	if _, usage := errors.AsType[config.UsageError](err); usage {
		return 2
	}
	return 1
}

// run serves until ctx ends, then ends the streams and finishes the requests in flight.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // first: without it a SIGHUP ends the process
	s, err := config.Parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		commands.Help(stdout, subcommands)
	}
	if err != nil {
		return err
	}
	if s.Version {
		fmt.Fprintln(stdout, "iris-broadcast", service.Version())
		return nil
	}
	logs.SetUp(s.LogLevel, s.LogFormat)
	logs.First(service.Version(), s.Changed())
	files := config.ShareFiles(stores.MaxFiles)
	if s.MaxStreams > files.Streams {
		golog.Warnf("-max-streams is %d, not %d: the system allows no more open files", files.Streams, s.MaxStreams)
		s.MaxStreams = files.Streams
	}
	store, err := stores.Open(s, files.Store)
	if err != nil {
		return err
	}
	defer store.Close()
	hush := commands.Answer(store)
	defer hush()
	node, err := newNode(ctx, s, store, files.Connections)
	if err != nil {
		return err
	}
	defer node.close()
	listener, err := service.Listen(s.Addr, web.Listen)
	if err != nil {
		return err
	}
	service.Greet(stdout, listener.Addr(), s.Addr, s.TLSCert != "")
	return node.serve(hangups, listener)
}

// node is what one process runs, wired up: two logs, a broker for each, and the HTTP face of both.
type node struct {
	ctx       context.Context // ends when the node is to stop
	end       func()          // ends ctx
	settings  *config.Config
	metrics   *metrics.Metrics
	traffic   *logs.Traffic
	store     stores.Store
	engine    *delivery.Engine
	log       stream.Log // the store
	broker    *Broker    // of log
	ownLog    stream.Log // of the server's own topics, in memory
	ownBroker *Broker    // of ownLog
	server    *web.Server
}

// newNode returns a node that is ready to serve; close it. After an error it is closed already. /readyz fails once
// ctx has ended.
func newNode(ctx context.Context, s *config.Config, store stores.Store, maxConns int) (n *node, err error) {
	m := metrics.New()
	limits := delivery.Limits{
		MaxStreams: s.MaxStreams, MaxPending: s.MaxPending, Stall: s.Stall, Heartbeat: s.Heartbeat}
	n = &node{settings: s, metrics: m, traffic: logs.NewTraffic(),
		store: store, log: metrics.Measured{Log: store, Metrics: m},
		ownLog: memory.New(stream.Retention{Events: statusKept, Age: time.Hour, Bytes: 1 << 20, Topics: 1}),
		engine: delivery.NewEngine(limits, m)}
	n.ctx, n.end = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	options := BrokerOptions{
		Recent: s.MaxPending / 2, Retry: s.Retry, Drain: s.Drain, Metrics: m, Traffic: n.traffic}
	if n.broker, err = NewBroker(n.log, n.engine, options); err != nil {
		return n, err
	}
	if n.ownBroker, err = NewBroker(n.ownLog, n.engine, options); err != nil {
		return n, err
	}
	handler, err := n.handler(s)
	if err != nil {
		return n, err
	}
	n.server, err = web.NewServer(handler, s.TLSCert, s.TLSKey,
		web.Limits{Limits: limits, Conns: maxConns, TakenOver: n.engine.TakenOver})
	if err == nil {
		live := func() int { return n.broker.Streams() + n.ownBroker.Streams() }
		m.Scrape(metrics.Sources{Version: service.Version(), Store: store, Expiry: n.server.Expiry,
			Streams: n.engine.Streams, Live: live, MaxStreams: s.MaxStreams,
			Connections: n.server.Connections, MaxConnections: maxConns})
	}
	return n, err
}

// handler is the HTTP face. Of the settings only who may read and write comes from s, which may be newer than the
// node's own.
func (n *node) handler(s *config.Config) (http.Handler, error) {
	return web.New(web.Site{
		Events: web.Source{Log: n.log, Stream: n.broker.ServeHTTP},
		Own:    web.Source{Log: n.ownLog, Stream: n.ownBroker.ServeHTTP},
		Board:  n.store, Damage: n.store.Damage, Metrics: n.metrics.Handler(), Traffic: n.traffic,
		Lists: n.metrics.Lists, Streams: n.engine.Streams, Closing: func() bool { return n.ctx.Err() != nil },
		Views: sub("views"), Public: sub("public"), MaxData: int64(n.settings.MaxData),
		Access: web.Access{OpenPublish: s.OpenPublish, Origins: s.CORSOrigins}})
}

// close ends all streams, and what served them.
func (n *node) close() {
	n.end()
	n.endStreams()
	n.engine.Close(n.ctx) // which has ended: whatever still catches up is cut
	n.traffic.Flush()
}

// endStreams ends all streams within -drain, and from then on each new one at once.
func (n *node) endStreams() {
	var ending sync.WaitGroup
	for _, b := range []*Broker{n.broker, n.ownBroker} {
		if b != nil {
			ending.Go(b.Close)
		}
	}
	ending.Wait()
}

// serve serves the listener until the node is to stop. Then /readyz fails, and after -shutdown-delay the streams end,
// over -drain; everything else is served until the last has ended. Then it accepts nothing more and finishes, within
// another -drain, the requests in flight. A hangup has it read the settings again.
func (n *node) serve(hangups <-chan os.Signal, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- n.server.ServeOn(listener) }()
	var tickers sync.WaitGroup
	defer tickers.Wait()
	ticking, stop := context.WithCancel(context.Background())
	defer stop()
	if n.settings.Demo {
		for _, ticker := range demo.Tickers {
			tickers.Go(func() { ticker.Run(ticking, n.log, n.broker.HasSubscribers) })
		}
	}
	tickers.Go(func() { n.status().Run(ticking, n.ownLog, func(stream.Topic) bool { return true }) })
	tickers.Go(func() { service.Watch(ticking, n.health, n.end) })
	service.Ready()
	for n.ctx.Err() == nil {
		select {
		case err := <-served:
			return err
		case <-hangups:
			n.reload()
		case <-n.ctx.Done():
		}
	}
	return n.stop(served, listener)
}

// stop is the end of serve, in order.
func (n *node) stop(served <-chan error, listener net.Listener) error {
	delay, drain := n.settings.ShutdownDelay, n.settings.Drain
	golog.Infof("Stopping: open streams (%d) end within %v", n.engine.Streams(), delay+drain)
	service.Stopping()
	select {
	case err := <-served:
		return err
	case <-time.After(delay):
	}
	n.endStreams()
	over, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	listener.Close()
	n.server.Finish(drain)
	n.engine.Close(over)
	return n.health()
}

// health returns the failure that only a restart can fix, if there is one. It blocks while the broker hangs, so that
// the watchdog notices.
func (n *node) health() error {
	n.broker.HasSubscribers(stream.Server)
	if err := n.log.Ready(context.Background()); stream.AsError(err).Code == stream.Broken {
		return err
	}
	return nil
}

// reload reads the settings and the certificate again. After an error everything stays as it is.
func (n *node) reload() {
	next, later, err := n.settings.Again()
	if err == nil && n.settings.TLSCert != "" && next.TLSCert != "" {
		err = n.server.ReadCertificate(next.TLSCert, next.TLSKey)
	}
	var handler http.Handler
	if err == nil {
		handler, err = n.handler(next)
	}
	if err != nil {
		golog.Errorf("Settings not reloaded: %v", err)
		return
	}
	n.server.SetHandler(handler)
	n.settings.ShutdownDelay = next.ShutdownDelay
	logs.SetUp(next.LogLevel, next.LogFormat)
	golog.Infof("Settings reloaded")
	if later != nil {
		golog.Warnf("These settings change only with a restart: %s", strings.Join(later, ", "))
	}
}

// statusKept is how many of the newest reports are kept: those of four minutes.
const statusKept = 240

// status reports each second how the server is doing.
func (n *node) status() demo.Ticker {
	watch := metrics.NewWatch(n.metrics)
	say := func(now time.Time) stream.Event {
		status := watch.Status(now, n.engine.Streams(), n.broker.Streams(), n.store.Size())
		return stream.Event{Data: stream.MustJSON(status)}
	}
	return demo.Ticker{Topic: stream.Server, Period: time.Second, Say: say}
}

func sub(dir string) fs.FS {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only a name that is no path
	}
	return sub
}
