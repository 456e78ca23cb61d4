package logtest_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.parallel") }) {
		flag.Set("test.parallel", "6") // they wait for what never happens
	}
	os.Exit(m.Run())
}

// broken is a memory log that breaks a promise: each function that is set replaces what the log does.
type broken struct {
	*memory.Store
	ask      func(*stream.Query)                                                       // changes each query
	answer   func(stream.Query, *stream.Page)                                          // changes each page
	page     func(context.Context, stream.Query, *memory.Store) (stream.Page, error)   // answers itself
	append   func(context.Context, *memory.Store, []stream.Event) ([]stream.ID, error) // appends itself
	head     func(stream.ID) stream.ID                                                 // changes the head
	after    func(context.Context, stream.ID) (context.Context, stream.ID)             // begins to follow elsewhere
	delivers func(deliver func(stream.Batch) error) func(stream.Batch) error           // delivers otherwise
	ends     func(error) error                                                         // ends otherwise
}

func (b *broken) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	asked := q
	if b.ask != nil {
		b.ask(&asked)
	}
	if b.page != nil {
		return b.page(ctx, asked, b.Store)
	}
	page, err := b.Store.Page(ctx, asked)
	if b.answer != nil {
		b.answer(q, &page)
	}
	return page, err
}

func (b *broken) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	if b.append != nil {
		return b.append(ctx, b.Store, events)
	}
	return b.Store.Append(ctx, events...)
}

func (b *broken) Head(ctx context.Context) (stream.ID, error) {
	head, err := b.Store.Head(ctx)
	if b.head != nil {
		head = b.head(head)
	}
	return head, err
}

func (b *broken) Follow(ctx context.Context, after stream.ID, deliver func(stream.Batch) error) error {
	if b.after != nil {
		ctx, after = b.after(ctx, after)
	}
	if b.delivers != nil {
		deliver = b.delivers(deliver)
	}
	err := b.Store.Follow(ctx, after, deliver)
	if b.ends != nil {
		err = b.ends(err)
	}
	return err
}

// page is a log that changes its pages.
func page(answer func(stream.Query, *stream.Page)) broken { return broken{answer: answer} }

// gap is a log that changes its gaps.
func gap(change func(stream.Query, *stream.Page, *stream.Gap)) broken {
	return page(func(q stream.Query, p *stream.Page) {
		if p.Gap != nil {
			change(q, p, p.Gap)
		}
	})
}

// query is a log that misreads queries.
func query(ask func(*stream.Query)) broken { return broken{ask: ask} }

// batch is a log that changes its followers' batches.
func batch(change func(*stream.Batch)) broken {
	return broken{delivers: func(deliver func(stream.Batch) error) func(stream.Batch) error {
		return func(b stream.Batch) error {
			change(&b)
			return deliver(b)
		}
	}}
}

// logs break one promise each. The names complete "a log that …".
var logs = map[string]func() broken{
	"loses its gaps": func() broken { return page(func(_ stream.Query, p *stream.Page) { p.Gap = nil }) },
	"names all in its gaps": func() broken {
		return gap(func(q stream.Query, _ *stream.Page, g *stream.Gap) { g.Topics = q.Topics.Names() })
	},
	"names one in its gaps": func() broken {
		return gap(func(_ stream.Query, _ *stream.Page, g *stream.Gap) { g.Topics = g.Topics[:min(1, len(g.Topics))] })
	},
	"has gaps without a cause": func() broken {
		return page(func(q stream.Query, p *stream.Page) { p.Gap = &stream.Gap{Topics: q.Topics.Names()} })
	},
	"misreports a gap's oldest event": func() broken {
		return gap(func(_ stream.Query, p *stream.Page, g *stream.Gap) { g.Oldest = p.Head })
	},
	"always says that there is more": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.More = true })
	},
	"never says that there is more": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.More = false })
	},
	"reaches too far": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.Reached = p.Head })
	},
	"reaches nothing": func() broken {
		return page(func(q stream.Query, p *stream.Page) { p.Reached = q.After })
	},
	"reaches beyond its head": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.Reached.Seq++ })
	},
	"leaves out the last": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.Events = p.Events[:max(0, len(p.Events)-1)] })
	},
	"gives one twice": func() broken {
		return page(func(_ stream.Query, p *stream.Page) {
			p.Events = slices.Concat(p.Events[:min(1, len(p.Events))], p.Events)
		})
	},
	"gives the newest first": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { slices.Reverse(p.Events) })
	},
	"shows an old head in its pages": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.Head = p.Head.Before() })
	},
	"never says what was left out": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.Older = false })
	},
	"always says something was left out": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.Older = true })
	},
	"gives no mark": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.Mark = stream.ID{} })
	},
	"gives a mark in the future": func() broken {
		return page(func(_ stream.Query, p *stream.Page) { p.Mark.Ms += 1e9 })
	},
	"alters the text": func() broken {
		return page(func(_ stream.Query, p *stream.Page) {
			for i := range p.Events {
				p.Events[i].Data = strings.ReplaceAll(p.Events[i].Data, "\r\n", "\n")
			}
		})
	},
	"loses the type": func() broken {
		return page(func(_ stream.Query, p *stream.Page) {
			for i := range p.Events {
				p.Events[i].Type = stream.Type{}
			}
		})
	},
	"ignores Bytes":       func() broken { return query(func(q *stream.Query) { q.Bytes = 0 }) },
	"ignores Limit":       func() broken { return query(func(q *stream.Query) { q.Limit = stream.MaxPage }) },
	"ignores Told":        func() broken { return query(func(q *stream.Query) { q.Told = stream.ID{} }) },
	"ignores Until":       func() broken { return query(func(q *stream.Query) { q.Until = stream.ID{} }) },
	"ignores Newest":      func() broken { return query(func(q *stream.Query) { q.Newest = 0 }) },
	"ignores NewestBytes": func() broken { return query(func(q *stream.Query) { q.NewestBytes = 0 }) },
	"ignores Anywhere":    func() broken { return query(func(q *stream.Query) { q.Anywhere = false }) },
	"is always anywhere":  func() broken { return query(func(q *stream.Query) { q.Anywhere = true }) },
	"ignores After":       func() broken { return query(func(q *stream.Query) { q.After = stream.ID{} }) },
	"includes After":      func() broken { return query(func(q *stream.Query) { q.After = q.After.Before() }) },
	"ignores patterns":    func() broken { return query(func(q *stream.Query) { q.Topics.Patterns = nil }) },
	"selects every topic": func() broken { return query(func(q *stream.Query) { q.Topics = stream.Selection{} }) },
	"reads everything at once": func() broken {
		return broken{page: func(ctx context.Context, q stream.Query, s *memory.Store) (all stream.Page, err error) {
			limit := q.Limit
			for more := true; more; {
				page, err := s.Page(ctx, q)
				if err != nil {
					return page, err
				}
				events, gap := all.Events, all.Gap
				all = page
				if all.Events = slices.Concat(events, page.Events); gap != nil {
					all.Gap = gap
				}
				q.After, q.Told, q.Newest = page.Reached, page.Mark, 0
				q.Limit = limit - len(all.Events)
				more = page.More && q.Limit > 0 && q.Bytes == 0
			}
			return all, nil
		}}
	},
	"reports an old head": func() broken { return broken{head: stream.ID.Before} },
	"reports a future head": func() broken {
		return broken{head: func(id stream.ID) stream.ID { return id.After(id.Time()) }}
	},
	"is not all or nothing": func() broken { return broken{append: oneByOne} },
	"gives IDs backwards": func() broken {
		return broken{append: func(ctx context.Context, s *memory.Store, events []stream.Event) ([]stream.ID, error) {
			ids, err := s.Append(ctx, events...)
			slices.Reverse(ids)
			return ids, err
		}}
	},
	"appends after the end of its context": func() broken {
		return broken{append: func(ctx context.Context, s *memory.Store, events []stream.Event) ([]stream.ID, error) {
			return s.Append(context.WithoutCancel(ctx), events...)
		}}
	},
	"bounds no topics": func() broken {
		return broken{append: func(ctx context.Context, s *memory.Store, events []stream.Event) ([]stream.ID, error) {
			ids, err := s.Append(ctx, events...)
			if err != nil && stream.AsError(err).Code == stream.Full {
				err = nil
			}
			return ids, err
		}}
	},
	"counts topics that are always admitted": func() broken { return broken{append: countAll()} },
	"acknowledges before it appends": func() broken {
		return broken{append: func(ctx context.Context, s *memory.Store, events []stream.Event) ([]stream.ID, error) {
			head, _ := s.Head(ctx)
			go s.Append(context.WithoutCancel(ctx), events...)
			var ids []stream.ID
			for range events {
				head = head.After(time.Now())
				ids = append(ids, head)
			}
			return ids, ctx.Err()
		}}
	},
	"skips events for its followers": func() broken {
		return batch(func(b *stream.Batch) {
			b.Events = slices.DeleteFunc(slices.Clone(b.Events), func(e stream.Event) bool { return e.ID.Seq%10 == 9 })
		})
	},
	"repeats events to its followers": func() broken {
		return batch(func(b *stream.Batch) { b.Events = slices.Concat(b.Events, b.Events) })
	},
	"hides gaps from its followers": func() broken { return batch(func(b *stream.Batch) { b.Gap = nil }) },
	"gives its followers a gap in each batch": func() broken {
		return batch(func(b *stream.Batch) { b.Gap = &stream.Gap{} })
	},
	"makes its followers' gaps concern all topics": func() broken {
		return batch(func(b *stream.Batch) {
			if b.Gap != nil {
				b.Gap.Topics = nil
			}
		})
	},
	"does not say how far a gap extends": func() broken {
		return batch(func(b *stream.Batch) {
			if b.Gap != nil {
				b.Gap.Newest = stream.ID{}
			}
		})
	},
	"tells its followers a position too high": func() broken { return batch(func(b *stream.Batch) { b.Reached.Ms++ }) },
	"follows from the beginning": func() broken {
		return broken{after: func(ctx context.Context, _ stream.ID) (context.Context, stream.ID) {
			return ctx, stream.ID{}
		}}
	},
	"follows from the newest event": func() broken {
		return broken{after: func(ctx context.Context, id stream.ID) (context.Context, stream.ID) {
			return ctx, stream.IDAt(time.Now().Add(time.Second))
		}}
	},
	"follows without end": func() broken {
		return broken{after: func(ctx context.Context, id stream.ID) (context.Context, stream.ID) {
			return context.WithoutCancel(ctx), id
		}}
	},
	"hides deliver's error": func() broken { return broken{ends: func(error) error { return context.Canceled }} },
	"never makes publishers wait": func() broken {
		return broken{append: func(ctx context.Context, s *memory.Store, events []stream.Event) ([]stream.ID, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			ended, cancel := context.WithCancel(ctx)
			time.AfterFunc(20*time.Millisecond, cancel)
			return s.Append(ended, events...)
		}}
	},
	"makes publishers wait forever": func() broken {
		return broken{append: func(ctx context.Context, s *memory.Store, events []stream.Event) ([]stream.ID, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return s.Append(context.WithoutCancel(ctx), events...)
		}}
	},
}

func oneByOne(ctx context.Context, s *memory.Store, events []stream.Event) (ids []stream.ID, err error) {
	for _, e := range events {
		id, err := s.Append(ctx, e)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id...)
	}
	return ids, ctx.Err()
}

// countAll refuses a topic beyond Topics, even one that is always admitted. Tests that set Topics set it to two.
func countAll() func(context.Context, *memory.Store, []stream.Event) ([]stream.ID, error) {
	var mu sync.Mutex
	known := map[stream.Topic]bool{}
	return func(ctx context.Context, s *memory.Store, events []stream.Event) ([]stream.ID, error) {
		mu.Lock()
		for _, e := range events {
			known[e.Topic] = true
		}
		over := known[stream.MustTopic("hello")] && known[stream.MustTopic("ping")] && len(known) > 3
		mu.Unlock()
		if over {
			return nil, stream.Errorf(stream.Full, "as -max-topics says")
		}
		return s.Append(ctx, events...)
	}
}

// retentions are logs that keep something other than asked.
var retentions = map[string]func(*stream.Retention){
	"keeps everything": func(r *stream.Retention) {
		*r = stream.Retention{Events: 1 << 30, Age: 1 << 50, Bytes: 1 << 50, Topics: 1 << 30}
	},
	"ignores -keep-events":    func(r *stream.Retention) { r.Events = 1 << 30 },
	"ignores -keep-bytes":     func(r *stream.Retention) { r.Bytes = 1 << 50 },
	"ignores -max-topics":     func(r *stream.Retention) { r.Topics = 1 << 30 },
	"keeps one event too few": func(r *stream.Retention) { r.Events = max(1, r.Events-1) },
	"ignores Always":          func(r *stream.Retention) { r.Always = nil },
}

// which is the environment variable with the name of the broken log.
const which = "TEST_BROADCAST_BROKEN_LOG"

// TestABrokenLog runs in the process that TestABrokenLogFails starts.
func TestABrokenLog(t *testing.T) {
	name := os.Getenv(which)
	if name == "" {
		return
	}
	logtest.Hurry()
	logtest.Run(t, logtest.PerTopic, func(_ *testing.T, keep stream.Retention) stream.Log {
		if change := retentions[name]; change != nil {
			change(&keep)
			return memory.New(keep)
		}
		b := logs[name]()
		b.Store = memory.New(keep)
		return &b
	})
}

func TestABrokenLogFails(t *testing.T) {
	var names []string
	for name := range logs {
		names = append(names, name)
	}
	for name := range retentions {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			child := exec.Command(os.Args[0], "-test.run=^TestABrokenLog$", "-test.timeout=2m", "-test.failfast")
			child.Env = append(os.Environ(), which+"="+name)
			said, err := child.CombinedOutput()
			if err == nil {
				t.Errorf("a log that %s passes", name)
			}
			for line := range strings.Lines(string(said)) {
				if strings.Contains(line, "panic") {
					t.Errorf("it ends in %s", line)
				}
				if strings.HasPrefix(line, "    --- FAIL") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}
