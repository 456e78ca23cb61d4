package service

import "runtime/debug"

// Version is what the binary was built from, and with which Go.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version + " " + info.GoVersion
	}
	return "unknown"
}
