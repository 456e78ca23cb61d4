package service

import (
	"runtime/debug"
	"strings"
)

// Version is the program's version and the version of Go that built it, such as "1.4.0 go1.26.8".
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return version(info) + " " + info.GoVersion
	}
	return noVersion
}

// noVersion is the version of a build that is not told its commit: by -buildvcs=false, or outside of a git clone.
const noVersion = "devel (unknown commit)"

// version is the tag of a release, without its v. For any other commit it is the pseudo-version that Go derives from
// the latest tag, the time and the commit; "+dirty" says that files differ from the commit
// (https://go.dev/ref/mod#pseudo-versions, https://go.dev/doc/go1.24#go-command).
func version(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	return noVersion
}
