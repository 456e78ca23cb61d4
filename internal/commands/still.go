package commands

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"iris-broadcast/internal/pebble"
)

var errServerEnded = errors.New("the server stopped meanwhile; run this again")

// asking is a request in progress to the server that has a store open.
type asking struct {
	answer *http.Response
	lines  *bufio.Scanner
}

// ask sends a request to the server that has a store open; it returns nil if there is none.
func ask(ctx context.Context, dir, path string) (*asking, error) {
	conn, err := dial(ctx, dir)
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("the server of the store %s answers only its owner and root; run this as one of them",
			dir)
	case err != nil:
		return nil, ctx.Err()
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		conn.Close()
		return nil, errors.Join(ctx.Err(), errServerEnded)
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("the server of the store %s is another version; use that version of this program", dir)
	}
	return &asking{answer, bufio.NewScanner(answer.Body)}, nil
}

// next returns the server's next line.
func (a *asking) next() (n note, err error) {
	if !a.lines.Scan() || json.Unmarshal(a.lines.Bytes(), &n) != nil {
		return n, errServerEnded
	}
	if n.Error != "" {
		return n, errors.New(n.Error)
	}
	return n, nil
}

func (a *asking) close() { _ = a.answer.Body.Close() }

// still is a store's folder that nobody changes until ctx ends.
type still struct {
	ctx    context.Context // ends when the folder may change or vanish
	folder string
	done   func()
}

// read opens a store that nobody changes and runs do with it; see still.
func read(ctx context.Context, dir string, do func(ctx context.Context, store *pebble.Folder) error) error {
	of, err := hold(ctx, dir)
	if err != nil {
		return err
	}
	defer of.done()
	store, err := pebble.Look(of.folder)
	if err == nil {
		err = errors.Join(do(of.ctx, store), store.Close())
	}
	return of.failed(err)
}

// failed is the cause of err: the end of the server, if that is what it was.
func (s *still) failed(err error) error {
	if cause := context.Cause(s.ctx); err != nil && errors.Is(cause, errServerEnded) {
		return cause
	}
	return err
}

// hold returns a store that nobody changes: a snapshot if a server has it open, else the store itself, locked so that
// no server opens it.
func hold(ctx context.Context, dir string) (*still, error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no store %s; name another one", dir)
	}
	server, err := ask(ctx, dir, "/moment")
	if err != nil {
		return nil, err
	}
	if server == nil {
		return lock(ctx, dir)
	}
	first, err := server.next()
	if err != nil {
		server.close()
		return nil, err
	}
	inside, cancel := context.WithCancelCause(ctx)
	go func() {
		_, _ = server.next() // it sends nothing more, but may stop
		cancel(errServerEnded)
	}()
	return &still{inside, filepath.Join(dir, first.Moment), func() {
		cancel(context.Canceled)
		server.close()
	}}, nil
}

// lock holds a store that no server has open. It needs no lock, and leaves everything as it is, if the store was never
// opened, as a backup, or is on a read-only disk.
func lock(ctx context.Context, dir string) (*still, error) {
	free := func() {}
	if _, err := os.Stat(filepath.Join(dir, "LOCK")); err == nil {
		unlock, err := pebble.Lock(dir)
		switch {
		case err == nil:
			free = unlock
		case errors.Is(err, pebble.InUse):
			return nil, fmt.Errorf("%w, which does not answer on its socket %s; try again if it has just started, "+
				"else stop it", err, filepath.Join(dir, socketName))
		case !errors.Is(err, syscall.EROFS):
			return nil, err
		}
	}
	return &still{ctx, dir, free}, nil
}
