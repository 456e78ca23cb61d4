// Package logs is the log of the process: what golog is given, on standard error, a line for each entry.
package logs

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/golog"
)

// Fields are what an entry has beside its message. None is called time, level or message.
type Fields = golog.Fields

// settings are what SetUp was called with.
type settings struct {
	level golog.Level
	json  bool
}

// current is nil until SetUp.
var current atomic.Pointer[settings]

// SetUp sends the log to standard error: golog's, and that of Go's packages log and log/slog. level is debug, info,
// warn or error; format is text or json. It may be called again whenever the settings change, and is safe for
// concurrent use.
func SetUp(level, format string) {
	current.Store(&settings{golog.ParseLevel(level), format == "json"})
	redirect()
}

// redirect has golog hand every entry to write. Iris' loggers are copies of golog's, so they do the same if they are
// made after this.
var redirect = sync.OnceFunc(func() {
	golog.SetOutput(os.Stderr)
	golog.SetLevel("debug") // write filters: golog reads its own level without a lock
	golog.SetStacktraceLimit(-1)
	golog.Handle(write)
	log.SetFlags(0)
	log.SetOutput(standard{})
})

// First logs that the process starts: its version, and the settings that are not at their defaults.
func First(version string, changed map[string]string) {
	fields := Fields{"version": version}
	for setting, value := range changed {
		fields[setting] = value
	}
	golog.Info("Iris Broadcast starts", fields)
}

// Enabled reports whether entries of a level are logged. Ask before building the fields of frequent ones.
func Enabled(level golog.Level) bool {
	if now := current.Load(); now != nil {
		return level <= now.level
	}
	return level <= golog.InfoLevel
}

// Failed reports the error that ends the process: in the log, or before SetUp as plain text.
func Failed(err error) {
	if current.Load() == nil {
		fmt.Fprintln(os.Stderr, "iris-broadcast:", err)
		return
	}
	golog.Error(err.Error())
}

// write is golog's handler. It writes each entry in one piece; golog's printer has the lock.
func write(entry *golog.Log) (handled bool) {
	now := current.Load()
	if entry.Level > now.level {
		return true
	}
	encode := appendText
	if now.json {
		encode = appendJSON
	}
	entry.Logger.Printer.Write(append(encode(nil, entry), '\n'))
	return true
}

// Plain returns a writer for lines that belong to no log, such as those on standard output. A write is one line. In the
// format json each becomes an object like an entry's.
func Plain(to io.Writer) io.Writer { return plain{to} }

type plain struct{ to io.Writer }

func (p plain) Write(line []byte) (int, error) {
	if now := current.Load(); now == nil || !now.json {
		return p.to.Write(line)
	}
	message := string(bytes.TrimSpace(line))
	_, err := p.to.Write(append(appendJSON(nil, &golog.Log{Time: time.Now(), Message: message}), '\n'))
	return len(line), err
}

// standard is where Go's package log writes.
type standard struct{}

func (standard) Write(line []byte) (int, error) {
	golog.Warn(string(bytes.TrimSpace(line)))
	return len(line), nil
}
