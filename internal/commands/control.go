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

// note is a line of an answer on the socket.
type note struct {
	Moment string `json:"moment,omitempty"` // the folder that was made
	What   string `json:"what,omitempty"`   // what is under way
	Done   int64  `json:"done,omitempty"`
	Total  int64  `json:"total,omitempty"`
	Before int64  `json:"before,omitempty"`
	After  int64  `json:"after,omitempty"`
	End    bool   `json:"end,omitempty"` // all is done
	Error  string `json:"error,omitempty"`
}

// maxMoments is how many commands may read at once, each of a moment of its own.
const maxMoments = 8

// control answers on the socket of a store that this process has open.
type control struct {
	store   *pebble.Store
	moments chan struct{} // a place for each
}

// Answer answers the commands that want something of a store that this process has open, until stop is called. A store
// that is not on disk has nothing to tell. Where there can be no socket the commands have to wait until the server
// ends.
func Answer(store any) (stop func()) {
	onDisk, ok := store.(*pebble.Store)
	if !ok {
		return func() {}
	}
	onDisk.ForgetAll()
	listener, err := listen(onDisk.Dir())
	if err != nil {
		golog.Warnf("Backups and other commands are possible only while no server runs: %v", err)
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
		within, cut := context.WithTimeout(context.Background(), 5*time.Second) // a disk that hangs is not waited for
		defer cut()
		_ = server.Shutdown(within)
		serving.Wait()
	}
}

// within ends requests with a context too.
func (c *control) within(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		both, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		next.ServeHTTP(w, r.WithContext(both))
	})
}

// moment shows the store as it is now, for as long as the caller stays.
func (c *control) moment(w http.ResponseWriter, r *http.Request) {
	select {
	case c.moments <- struct{}{}:
		defer func() { <-c.moments }()
	default:
		tell(w, note{Error: "there are as many backups and other readers under way as may be; try again when one has ended"})
		return
	}
	name, err := c.store.Moment()
	if name != "" {
		defer c.store.Forget(name)
	}
	if err != nil {
		tell(w, note{Error: inWords(err)})
		return
	}
	tell(w, note{Moment: name})
	<-r.Context().Done()
}

// compact compacts the store, and tells how far it is.
func (c *control) compact(w http.ResponseWriter, r *http.Request) {
	before, after, err := c.store.Compact(r.Context(), func(what string, done, total int64) {
		tell(w, note{What: what, Done: done, Total: total})
	})
	if err != nil {
		tell(w, note{Error: inWords(err)})
		return
	}
	tell(w, note{Before: before, After: after, End: true})
}

func inWords(err error) string {
	if told, ok := errors.AsType[*stream.Error](err); ok {
		return told.Detail
	}
	return err.Error()
}

func tell(w http.ResponseWriter, n note) {
	_ = json.NewEncoder(w).Encode(n) // one that has left is told nothing
	_ = http.NewResponseController(w).Flush()
}
