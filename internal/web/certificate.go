package web

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/kataras/golog"
)

// certificate is the server's certificate, read again when its files change. While they cannot be read, or do not
// belong together, the last good one is served.
type certificate struct {
	mu                sync.Mutex
	certFile, keyFile string
	served            *tls.Certificate
	written           [2]time.Time // of the files that served was read from
	checked           time.Time
	complaint         string // the last one logged
}

// certificateCheck is how often handshakes look at the files, at most.
const certificateCheck = time.Second

// read reads both files.
func (c *certificate) read(certFile, keyFile string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	written := writtenAt(certFile, keyFile)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fmt.Errorf("-tls-cert and -tls-key: %w", err)
	}
	c.certFile, c.keyFile, c.served, c.written, c.complaint = certFile, keyFile, &pair, written, ""
	return nil
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= certificateCheck {
		c.checked = now
		c.renew()
	}
	return c.served, nil
}

// renew reads the files if they have changed.
func (c *certificate) renew() {
	written := writtenAt(c.certFile, c.keyFile)
	if written == c.written {
		return
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	switch {
	case err == nil:
		until := pair.Leaf.NotAfter.UTC().Format(time.RFC3339)
		golog.Infof("The certificate in %s is new: valid until %s", c.certFile, until)
		c.served, c.written, c.complaint = &pair, written, ""
	case err.Error() != c.complaint:
		golog.Errorf("The last good certificate is still served: -tls-cert and -tls-key: %v", err)
		c.complaint = err.Error()
	}
}

// writtenAt is when the files were last written; zero for one that cannot be looked at.
func writtenAt(files ...string) (at [2]time.Time) {
	for i, file := range files {
		if info, err := os.Stat(file); err == nil {
			at[i] = info.ModTime()
		}
	}
	return at
}
