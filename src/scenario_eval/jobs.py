"""Jobs in processes, with results in the order of the jobs and progress on standard error."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


def run_jobs(
    work: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    workers: int,
    report: Callable[[ResultT], None] = lambda result: None,
) -> list[ResultT]:
    """`work` of every job, in `workers` processes; `report` hears of each result as it comes.

    Args:
        work: a function of a module, so that another process can find it.
        jobs: what it is called with; they must be picklable if `workers` is over 1.
        workers: number of processes; 1 for this one.
        report: called in this process.
    """
    results: dict[int, ResultT] = {}
    if workers <= 1:
        for index, job in enumerate(jobs):
            results[index] = work(job)
            report(results[index])
        return list(results.values())
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        places = {pool.submit(work, job): index for index, job in enumerate(jobs)}
        for future in as_completed(places):
            results[places[future]] = future.result()
            report(future.result())
    return [results[index] for index in range(len(jobs))]


def map_jobs(
    work: Callable[[JobT], ResultT], jobs: Sequence[JobT], workers: int, chunk: int = 1
) -> Iterator[ResultT]:
    """`work` of every job, in `workers` processes, one result after the other in their order.

    Args:
        work: a function of a module, so that another process can find it, or a partial of one.
        jobs: what it is called with; they must be picklable if `workers` is over 1.
        workers: number of processes; 1 for this one.
        chunk: jobs that a process is given at a time.
    """
    if workers <= 1 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, jobs, chunksize=chunk)


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on standard error; call what it yields once per finished job, with a remark."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        "{task.fields[remark]}",
    )
    with Progress(*columns, console=console, transient=not console.is_terminal) as bar:
        task = bar.add_task(text, total=total, remark="")

        def advance(remark: str) -> None:
            bar.update(task, advance=1, remark=remark)

        yield advance
