package harness

import (
	"fmt"
	"os"
	"os/exec"
)

// PassSockets has the process get open sockets as systemd passes them (sd_listen_fds(3)).
func PassSockets(command *exec.Cmd, sockets ...*os.File) {
	command.ExtraFiles = sockets
	command.Env = append(command.Env, fmt.Sprint("LISTEN_FDS=", len(sockets)))
	command.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, command.Path}, command.Args[1:]...)
	command.Path = "/bin/sh"
}
