package app

import (
	"strings"

	"courier/internal/config"
	"courier/internal/gateway"
)

// fieldProblems gives what a part says of its options a place in the configuration: each
// fault at the key of its field below path, or with all keys at path when it names none.
func fieldProblems(cfg *config.Config, path string, err error) []config.Problem {
	var problems []config.Problem
	var visit func(error)
	visit = func(err error) {
		switch err := err.(type) { //nolint:errorlint // it walks the tree of errors itself
		case *gateway.OptionError:
			key := path + "." + err.Field
			if strings.HasPrefix(err.Field, "clients.") { // a setting of all gateways
				key = err.Field
			}
			problems = append(problems, cfg.Problem(key, err.Err.Error()))
		case interface{ Unwrap() []error }:
			for _, one := range err.Unwrap() {
				visit(one)
			}
		case interface{ Unwrap() error }:
			visit(err.Unwrap())
		}
	}
	visit(err)
	if problems == nil {
		return []config.Problem{cfg.Problem(path, err.Error())}
	}
	return problems
}

// checkStore reports what is wrong with the address of the store, as its engine sees it.
func checkStore(cfg *config.Config) error {
	if err := checkDSN(cfg.Store.DSN.Reveal()); err != nil {
		return &config.InvalidError{Problems: []config.Problem{cfg.Problem("store.dsn", err.Error())}, Warnings: cfg.Warnings}
	}
	return nil
}
