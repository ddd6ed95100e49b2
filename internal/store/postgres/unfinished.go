package postgres

import (
	"context"
	"errors"
	"time"

	"courier"
	"courier/internal/store"
)

func (s *Store) Receive(context.Context, []courier.Receipt) ([]store.Received, error) {
	return nil, errors.ErrUnsupported
}
func (s *Store) Receipts(context.Context, courier.ID) ([]courier.Receipt, error) {
	return nil, errors.ErrUnsupported
}
func (s *Store) Waiting(context.Context, store.WaitingQuery) ([]*courier.Message, error) {
	return nil, errors.ErrUnsupported
}
func (s *Store) Move(context.Context, []store.Move, time.Time) (int, error) {
	return 0, errors.ErrUnsupported
}
func (s *Store) Resolve(context.Context, store.Resolve) (*courier.Message, error) {
	return nil, errors.ErrUnsupported
}
func (s *Store) Tallies(context.Context, time.Time) ([]store.Tally, error) {
	return nil, errors.ErrUnsupported
}
func (s *Store) SetWeight(context.Context, store.Weight) error   { return errors.ErrUnsupported }
func (s *Store) Weights(context.Context) ([]store.Weight, error) { return nil, errors.ErrUnsupported }
func (s *Store) WeightHistory(context.Context, string, int) ([]store.Weight, error) {
	return nil, errors.ErrUnsupported
}
