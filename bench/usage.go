package main

import "time"

// usage is processor time by who used it. In a row it is that of one message.
type usage struct{ courier, database, gateway, load time.Duration }

// sample returns what has been used so far.
func (r *rig) sample() usage {
	used := usage{
		gateway: treeCPU(r.bench.gateway.cmd.Process.Pid),
		load:    ownCPU(),
	}
	if server := r.engine.pid(); server != 0 {
		used.database = treeCPU(server)
	}
	for _, node := range r.nodes {
		used.courier += treeCPU(node.cmd.Process.Pid)
	}
	return used
}

// since returns what a message cost since an earlier sample.
func (r *rig) since(before usage, messages int) usage {
	now := r.sample()
	now.add(before, -1)
	var each usage
	each.add(now, messages)
	return each
}

// add adds one of several shares.
func (u *usage) add(other usage, shares int) {
	count := time.Duration(shares)
	u.courier += other.courier / count
	u.database += other.database / count
	u.gateway += other.gateway / count
	u.load += other.load / count
}
