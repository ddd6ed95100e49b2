package main

import "context"

// nodes drains one database with several couriers.
func nodes(k kind, s size) []measurement {
	under := condition{https1, s.inFlight}
	var all []measurement
	for _, count := range nodeCounts() {
		name := goal{k.row("drain by %d couriers", count), ""}
		if count == 1 {
			name.name = k.row("drain by 1 courier")
		}
		all = append(all, measurement{goals: []goal{name}, compares: true, under: under, run: func(ctx context.Context, b *bench) ([]row, error) {
			spec := courierSpec{template: placingTemplate, under: under}
			return b.withNodes(ctx, b.engine(k), count, spec, func(r *rig) ([]row, error) {
				if err := r.fill(ctx, b.size.messages); err != nil {
					return nil, err
				}
				drained, _, err := r.drained(ctx, b.size.messages, 0)
				return []row{drained}, err
			})
		}})
	}
	return all
}

func nodeCounts() []int { return []int{1, 2, 4} }
