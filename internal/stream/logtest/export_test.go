package logtest

import "time"

// Hurry has tests wait for less long: for what does not come.
func Hurry() { wait = 2 * time.Second }
