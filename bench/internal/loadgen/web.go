package loadgen

import (
	"io"
	"net/http"
	"strings"
)

// webBuffer is the read buffer of a stream through net/http, in bytes.
const webBuffer = 16 << 10

// stream is the whole life of a connection through net/http.
func (c *Client) stream() {
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	if c.state != idle { // connected meanwhile
		<-c.pool.handshake
		return
	}
	c.state = waiting
	c.parser.reset()
	c.parser.rising = c.pool.Rising
	c.check.AnyStart = c.AnyStart
	lastID := string(c.parser.lastID)
	c.loop.mu.Unlock()
	response, err := c.get(lastID)
	c.loop.mu.Lock()
	if c.state != waiting { // cut meanwhile
		if response != nil {
			response.Body.Close()
		}
		return
	}
	if err != nil {
		c.end(err)
		return
	}
	c.body = response.Body
	c.parser.state = inBody
	c.established()
	if c.Slow {
		resumed := make(chan struct{})
		c.resumed = resumed
		c.loop.mu.Unlock()
		select {
		case <-resumed:
		case <-c.pool.done:
		}
		c.loop.mu.Lock()
	}
	c.readBody(response)
}

// get opens a stream through net/http.
func (c *Client) get(lastID string) (*http.Response, error) {
	request, err := http.NewRequest(http.MethodGet, c.pool.URL(c.path), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := c.pool.Web(c.number).Do(request)
	if err != nil {
		return nil, err
	}
	return response, checkResponse(response)
}

// readBody reads the stream to its end. The caller holds the loop's mutex; readBody releases it while it waits.
func (c *Client) readBody(response *http.Response) {
	buffer := make([]byte, webBuffer)
	for {
		c.loop.mu.Unlock()
		n, err := response.Body.Read(buffer)
		arrived := Now()
		c.loop.mu.Lock()
		if c.body != response.Body { // cut
			return
		}
		c.loop.arrived = arrived
		if n > 0 {
			if err := c.received(buffer[:n]); err != nil {
				c.end(err)
				return
			}
		}
		if err != nil {
			if err == io.EOF {
				err = errServerEnded
			}
			c.end(err)
			return
		}
	}
}

func checkResponse(r *http.Response) error {
	bad := &ResponseError{Status: r.StatusCode, ContentType: r.Header.Get("Content-Type")}
	if r.StatusCode == http.StatusOK && strings.HasPrefix(bad.ContentType, "text/event-stream") {
		return nil
	}
	start := make([]byte, 200)
	n, _ := r.Body.Read(start)
	r.Body.Close()
	bad.Body = string(start[:n])
	return bad
}
