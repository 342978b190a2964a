"""`python -m radraft.cli`."""

from radraft.cli.main import main

main()
