"""How many machines (docs/scaling.md): python -m sparsed.scaling --help.

    need      cores, links, brokers and disks of an experiment, from measured figures
    world     partitions of a topic, brokers, and the ledger: who decided which event, how often
    group     the coordinator of a consumer group: joins, sessions, rebalances
    member    one daemon: takes, decides, commits, dies
    scaler    more or fewer members, by lag
    stories   what happens in a run: the measured test of three members, bursts, deaths
    study     stories with 10, 100 and 1,000 members, and the comparison with what was measured
    plots     their pictures
"""
