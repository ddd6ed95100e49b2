// Package pgtest runs private PostgreSQL servers for tests and benchmarks: each
// in a temporary folder, on a free port of the loopback, gone when its owner
// ends. It can kill, restart, replicate and promote them, and cut connections
// to them. The server's programs are found or, for root on Debian, installed.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Options says how a server runs.
type Options struct {
	// Bin is the folder of the server's programs; empty finds or installs them.
	Bin string
	// NoSync gives up that a commit has reached the disk, for tests that lose no
	// power. A killed server still loses nothing.
	NoSync bool
	// Settings are parameters of the server by name, in addition to or instead of the
	// small ones that it gets.
	Settings map[string]string
}

// Server is a PostgreSQL server of its own. Its methods are not safe for
// concurrent use, except for those of Databases.
type Server struct {
	Databases
	options Options
	folder  *folder
	// running is nil while the server is killed or stopped.
	running *postmaster
}

const (
	host      = "127.0.0.1"
	superuser = "postgres"
	// patience bounds what a server does by itself, such as its recovery.
	patience = 2 * time.Minute
	// portTries is how often Start takes another port after it lost its own to
	// another process.
	portTries = 5
)

// Start makes a server and returns it ready. The context bounds the start; the
// server runs until Stop, or until the process that started it ends.
func Start(ctx context.Context, options Options) (*Server, error) {
	s, err := prepare(options)
	if err != nil {
		return nil, err
	}
	if err := s.initialize(ctx); err != nil {
		return nil, errors.Join(err, s.folder.remove())
	}
	if err := s.launchOnFreePort(ctx); err != nil {
		return nil, errors.Join(err, s.folder.remove())
	}
	return s, nil
}

// prepare finds the programs and makes the folder, without anything in it.
func prepare(options Options) (*Server, error) {
	bin, err := programs(options.Bin)
	if err != nil {
		return nil, err
	}
	where, err := newFolder()
	if err != nil {
		return nil, fmt.Errorf("make the folder of a PostgreSQL server: %w", err)
	}
	return &Server{
		Databases: Databases{bin: bin, password: rand.Text()},
		options:   options,
		folder:    where,
	}, nil
}

// initialize makes the cluster.
func (s *Server) initialize(ctx context.Context) error {
	secret := filepath.Join(s.folder.path, "password")
	if err := s.folder.write(secret, s.password+"\n"); err != nil {
		return err
	}
	_, err := s.folder.run(ctx, filepath.Join(s.bin, "initdb"),
		"--pgdata="+s.folder.data(), "--username="+superuser, "--pwfile="+secret, "--auth=password",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	return err
}

// launchOnFreePort starts the server; another process may take a port between
// the look at it and the server's own bind.
func (s *Server) launchOnFreePort(ctx context.Context) error {
	var err error
	for range portTries {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
		if err = s.launch(ctx); err == nil || !s.folder.logged("could not bind") {
			return err
		}
	}
	return err
}

// launch starts the server on its port and waits until it takes connections.
func (s *Server) launch(ctx context.Context) error {
	arguments := []string{"-D", s.folder.data()}
	settings := s.settings()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		arguments = append(arguments, "-c", name+"="+settings[name])
	}
	p, err := s.folder.start(ctx, filepath.Join(s.bin, "postgres"), arguments...)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.running = p
	if err := s.awaitReady(ctx); err != nil {
		return errors.Join(fmt.Errorf("start PostgreSQL: %w\n%s", err, s.folder.log()), s.Kill())
	}
	return nil
}

func (s *Server) settings() map[string]string {
	settings := map[string]string{
		"port":                    strconv.Itoa(s.port),
		"listen_addresses":        host,
		"unix_socket_directories": "",
		"shared_buffers":          "64MB",
		"max_connections":         "200",
		"log_min_messages":        "warning",
		"log_checkpoints":         "off",
	}
	if s.options.NoSync {
		maps.Copy(settings, map[string]string{"fsync": "off", "full_page_writes": "off"})
	}
	maps.Copy(settings, s.options.Settings)
	return settings
}

// awaitReady waits until the server answers. The file of the postmaster says so
// too, but a file of a killed one says it of the past.
func (s *Server) awaitReady(ctx context.Context) error {
	return poll(ctx.Done(), func() (bool, error) {
		select {
		case <-s.running.done:
			return false, fmt.Errorf("it ended: %w", s.running.err)
		default:
		}
		return s.answers(ctx), nil
	})
}

// poll asks an outside process until it is done, an error comes, the caller
// stops asking or it takes too long.
func poll(stop <-chan struct{}, done func() (bool, error)) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-stop:
			return errors.New("the caller waits no longer")
		case <-late.C:
			return fmt.Errorf("it was not done after %v", patience)
		}
	}
}

// Kill ends the server and all its processes at once, as a machine that fails
// does. What was committed is there after Restart.
func (s *Server) Kill() error {
	if s.running == nil {
		return nil
	}
	err := s.running.kill()
	s.running = nil
	return err
}

// Restart starts a killed server again, on its old port, or one that runs after
// a fast shutdown.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.shutdown(); err != nil {
		return err
	}
	return s.launch(ctx)
}

// Stop shuts the server down, ending its connections, and removes its folder.
func (s *Server) Stop() error {
	return errors.Join(s.shutdown(), s.folder.remove())
}

func (s *Server) shutdown() error {
	if s.running == nil {
		return nil
	}
	select {
	case <-s.running.done:
	default:
		if err := s.running.signal(os.Interrupt); err != nil {
			return fmt.Errorf("stop PostgreSQL: %w", err)
		}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.running.done:
		s.running = nil
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("stop PostgreSQL: it was not done after %v", patience), s.Kill())
	}
}
