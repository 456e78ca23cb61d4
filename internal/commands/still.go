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

var errServerEnded = errors.New("the server ended meanwhile; run this again")

// asking is a request to the server that has a store open.
type asking struct {
	answer *http.Response
	lines  *bufio.Scanner
}

// ask asks the server that has a store open; it returns nil if there is none.
func ask(ctx context.Context, dir, path string) (*asking, error) {
	conn, err := dial(ctx, dir)
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("the server of the store %s answers its owner and root alone; run this as one of them", dir)
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
		return nil, fmt.Errorf("the server of the store %s is of another version; use its own program", dir)
	}
	return &asking{answer, bufio.NewScanner(answer.Body)}, nil
}

// next is what the server says next.
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

// still is a folder with a store that nobody changes.
type still struct {
	ctx    context.Context // ends when it can change, or go
	folder string
	done   func()
}

// read has do read a store as one that nobody changes. ctx ends when it can change, or go.
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

// failed says why something with it has failed.
func (s *still) failed(err error) error {
	if cause := context.Cause(s.ctx); err != nil && errors.Is(cause, errServerEnded) {
		return cause
	}
	return err
}

// hold gives the store in a folder as one that nobody changes: a moment of it, if a server has it open, else the store
// itself, which no server can open meanwhile.
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
		_, _ = server.next() // it says nothing more, but may end
		cancel(errServerEnded)
	}()
	return &still{inside, filepath.Join(dir, first.Moment), func() {
		cancel(context.Canceled)
		server.close()
	}}, nil
}

// lock holds a store that no server has open. One that never was opened, such as a backup, or on a disk that cannot be
// written, is left as it is.
func lock(ctx context.Context, dir string) (*still, error) {
	free := func() {}
	if _, err := os.Stat(filepath.Join(dir, "LOCK")); err == nil {
		unlock, err := pebble.Lock(dir)
		switch {
		case err == nil:
			free = unlock
		case errors.Is(err, pebble.InUse):
			return nil, fmt.Errorf("%w, which does not answer on its socket %s; if it has just been started, try again, else end it",
				err, filepath.Join(dir, socketName))
		case !errors.Is(err, syscall.EROFS):
			return nil, err
		}
	}
	return &still{ctx, dir, free}, nil
}
