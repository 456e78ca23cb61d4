package loadgen

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Publishing is how a trial publishes: one HTTP connection per publisher.
type Publishing struct {
	Address string                 // host:port
	TLS     *tls.Config            // nil for clear text
	Path    func(topic int) string // where to POST
	Size    int                    // of an event's data, in bytes
	Ledger  *Ledger                // gets what was published

	refused atomic.Uint64
	lastBad atomic.Pointer[failure]
}

// Refused is how many POSTs did not get a 2xx answer, and the last such answer.
func (p *Publishing) Refused() (n uint64, last error) {
	if f := p.lastBad.Load(); f != nil {
		last = f.err
	}
	return p.refused.Load(), last
}

// Flat makes n publishers publish round robin on all topics, each as soon as its last POST is answered, until ctx ends.
func (p *Publishing) Flat(ctx context.Context, n int) error {
	return p.each(n, func(one *publisher) error {
		for k := one.number; ctx.Err() == nil; k++ {
			if err := one.publish(k%p.Ledger.topics, Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Paced makes n publishers publish rate events a second in all, round robin on all topics. Each event is stamped with
// its planned time, even if it is sent late.
func (p *Publishing) Paced(ctx context.Context, n int, rate float64, length time.Duration) error {
	start := Now() + int64(time.Millisecond)
	total := int64(rate * length.Seconds())
	var next atomic.Int64
	return p.each(n, func(one *publisher) error {
		for {
			k := next.Add(1) - 1
			if k >= total {
				return nil
			}
			planned := start + int64(float64(k)/rate*float64(time.Second))
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Duration(planned - Now())):
			}
			if err := one.publish(int(k%int64(p.Ledger.topics)), planned); err != nil {
				return err
			}
		}
	})
}

// Spaced makes one publisher publish count events, each after a pause from the last answer.
func (p *Publishing) Spaced(ctx context.Context, count int, pause time.Duration) error {
	return p.each(1, func(one *publisher) error {
		for k := range count {
			if err := one.publish(k%p.Ledger.topics, Now()); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
		}
		return nil
	})
}

func (p *Publishing) each(n int, run func(*publisher) error) error {
	if n > p.Ledger.publishers {
		return fmt.Errorf("%d publishers, but a ledger for %d", n, p.Ledger.publishers)
	}
	errs := make([]error, n)
	var all sync.WaitGroup
	for number := range n {
		all.Go(func() {
			one := &publisher{Publishing: p, number: number}
			errs[number] = run(one)
			one.close()
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// answerTimeout is how long a POST may take.
const answerTimeout = 30 * time.Second

// refusedPause is how long a refused publisher waits.
const refusedPause = 20 * time.Millisecond

// publisher is one HTTP connection, and the goroutine that owns it.
type publisher struct {
	*Publishing
	number  int
	conn    net.Conn
	answers *bufio.Reader
	data    []byte
	request []byte
}

// publish posts one event. It retries a refused one, up to a hundred times, since a skipped sequence number would look
// like a loss.
func (p *publisher) publish(topic int, planned int64) error {
	count := p.Ledger.at(topic, p.number)
	stamp := Stamp{Publisher: uint16(p.number), Sequence: count.Load() + 1, Planned: planned}
	p.data = AppendStamp(p.data[:0], stamp, p.Size)
	for range 100 {
		err := p.post(topic)
		if err == nil {
			count.Add(1)
			return nil
		}
		var refused *refusal
		if !errors.As(err, &refused) {
			return fmt.Errorf("publish to %s%s: %w", p.Address, p.Path(topic), err)
		}
		p.refused.Add(1)
		p.lastBad.Store(&failure{err})
		if refused.status/100 == 4 {
			break // it would fail again
		}
		time.Sleep(refusedPause)
	}
	_, err := p.Refused()
	return fmt.Errorf("publish to %s%s: %w", p.Address, p.Path(topic), err)
}

// refusal is an answer other than 2xx.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("the server answers %d: %s", r.status, r.body) }

func (p *publisher) post(topic int) error {
	if p.conn == nil {
		conn, err := net.DialTimeout("tcp", p.Address, answerTimeout)
		if err != nil {
			return err
		}
		if p.TLS != nil {
			conn = tls.Client(conn, p.TLS)
		}
		p.conn, p.answers = conn, bufio.NewReader(conn)
	}
	b := append(p.request[:0], "POST "...)
	b = append(b, p.Path(topic)...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, p.Address...)
	b = append(b, "\r\nContent-Type: text/plain\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(p.data)), 10)
	b = append(b, "\r\n\r\n"...)
	p.request = append(b, p.data...)
	p.conn.SetDeadline(time.Now().Add(answerTimeout))
	if _, err := p.conn.Write(p.request); err != nil {
		p.close()
		return err
	}
	return p.answer()
}

func (p *publisher) answer() error {
	response, err := http.ReadResponse(p.answers, nil)
	if err != nil {
		p.close()
		return err
	}
	body, err := io.ReadAll(response.Body)
	if response.Close || err != nil {
		p.close()
	}
	if err == nil && response.StatusCode/100 != 2 {
		return &refusal{response.StatusCode, string(body[:min(len(body), 200)])}
	}
	return err
}

func (p *publisher) close() {
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}
