package commands

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/pebble"
	"iris-broadcast/internal/stream"
)

// note is a line of the server's answer.
type note struct {
	Moment string `json:"moment,omitempty"` // the snapshot's folder
	What   string `json:"what,omitempty"`   // what is in progress
	Done   int64  `json:"done,omitempty"`
	Total  int64  `json:"total,omitempty"`
	Before int64  `json:"before,omitempty"`
	After  int64  `json:"after,omitempty"`
	End    bool   `json:"end,omitempty"` // all is done
	Error  string `json:"error,omitempty"`
}

// maxMoments is how many commands may read snapshots at the same time.
const maxMoments = 8

// control serves the socket of a store that this process has open.
type control struct {
	store   *pebble.Store
	moments chan struct{} // a semaphore
}

// Answer serves commands that need something from a store this process has open, until stop is called. It does nothing
// for a store that is not on disk. Without a socket, commands have to wait until the server stops.
func Answer(store any) (stop func()) {
	onDisk, ok := store.(*pebble.Store)
	if !ok {
		return func() {}
	}
	onDisk.ForgetAll()
	listener, err := listen(onDisk.Dir())
	if err != nil {
		golog.Warnf("Commands such as backup will not work while this server runs: %v", err)
		return func() {}
	}
	c := &control{onDisk, make(chan struct{}, maxMoments)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /moment", c.moment)
	mux.HandleFunc("POST /compact", c.compact)
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{Handler: c.within(ctx, mux), ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			golog.Errorf("The socket of the store %s: %v", onDisk.Dir(), err)
		}
	})
	return func() {
		cancel()
		within, cut := context.WithTimeout(context.Background(), 5*time.Second) // or less than a hanging disk needs
		defer cut()
		_ = server.Shutdown(within)
		serving.Wait()
	}
}

// within makes requests end with ctx too.
func (c *control) within(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		both, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		next.ServeHTTP(w, r.WithContext(both))
	})
}

// moment makes a snapshot of the store, for as long as the caller stays connected.
func (c *control) moment(w http.ResponseWriter, r *http.Request) {
	select {
	case c.moments <- struct{}{}:
		defer func() { <-c.moments }()
	default:
		send(w, note{Error: "too many commands are reading the store; try again when one has finished"})
		return
	}
	name, err := c.store.Moment()
	if name != "" {
		defer c.store.Forget(name)
	}
	if err != nil {
		send(w, note{Error: inWords(err)})
		return
	}
	send(w, note{Moment: name})
	<-r.Context().Done()
}

// compact compacts the store, and reports its progress.
func (c *control) compact(w http.ResponseWriter, r *http.Request) {
	before, after, err := c.store.Compact(r.Context(), func(what string, done, total int64) {
		send(w, note{What: what, Done: done, Total: total})
	})
	if err != nil {
		send(w, note{Error: inWords(err)})
		return
	}
	send(w, note{Before: before, After: after, End: true})
}

func inWords(err error) string {
	if shown, ok := errors.AsType[*stream.Error](err); ok {
		return shown.Detail
	}
	return err.Error()
}

func send(w http.ResponseWriter, n note) {
	_ = json.NewEncoder(w).Encode(n) // the caller may have left
	_ = http.NewResponseController(w).Flush()
}
