// Package service is the process as its operator sees it: listening sockets, version, notifications to systemd.
package service

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/kataras/golog"
)

// Ready tells systemd that the process has started (sd_notify(3)). Without systemd this and the others do nothing.
func Ready() { notify(daemon.SdNotifyReady) }

// Stopping tells systemd that the process is about to end.
func Stopping() { notify(daemon.SdNotifyStopping) }

func notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		golog.Warnf("Notifying systemd of %q: %v", state, err)
	}
}

// Watch feeds systemd's watchdog, twice in each WatchdogSec=, until ctx ends or health returns an error: then it calls
// stop, so that systemd restarts the process. While health does not return, the watchdog starves.
func Watch(ctx context.Context, health func() error, stop func()) {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil || period == 0 {
		return
	}
	tick := time.NewTicker(period / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := health(); err != nil {
			golog.Errorf("Stopping, so that systemd restarts the server: %v", err)
			stop()
			return
		}
		notify(daemon.SdNotifyWatchdog)
	}
}
