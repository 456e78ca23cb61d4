package main

import "io"

func (r *results) picture(w io.Writer) error { return nil }
