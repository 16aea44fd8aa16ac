"""`python -m runs.providers.simulator`: the simulated provider without Django."""

import argparse
import sys

from runs.providers.simulator import DESCRIPTION, add_arguments, epilog, run


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m runs.providers.simulator",
        description=DESCRIPTION,
        epilog=epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    try:
        run(vars(parser.parse_args()))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
