"""Which files of a folder are read, and as which split: by the dataset card, else from the files' names."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uncertlr.data.card import CARDS, card_files, class_names, configuration, matching, read_card, split_patterns
from uncertlr.errors import DataError

WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""What the hub's layout calls a split, as a word of a file's or a folder's name."""

SHARD = re.compile(r"(.+?)-(\d{5})-of-(\d{5})")

NO_DATA = {"", ".md", ".py", ".yaml", ".yml", ".ipynb", ".lock"}
"""Endings of files that nobody expects to be read as data."""

DESCRIPTIONS = {"dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "config.json"}


@dataclass(frozen=True)
class Layout:
    """The files of a folder.

    Attributes:
        folder: where they lie.
        train: Parquet files of the training split, in order; at least one.
        test: those of the test split; none where a part of train is to be held out.
        unread: files of other splits, of no split, or of other formats.
        cards: files that hold the dataset card.
        unnamed: whether several files are taken for one set, whose names say nothing of splits.
        class_names: names of classes that the card declares, by column.
    """

    folder: Path
    train: tuple[Path, ...]
    test: tuple[Path, ...]
    unread: tuple[Path, ...]
    cards: tuple[Path, ...]
    unnamed: bool
    class_names: dict[str, tuple[str, ...]]

    @property
    def splits(self) -> dict[str, tuple[Path, ...]]:
        """The files of train and, where there are some, of test."""
        return {"train": self.train, "test": self.test} if self.test else {"train": self.train}

    @property
    def read(self) -> tuple[Path, ...]:
        """Every Parquet file that is loaded."""
        return self.train + self.test

    def name_of(self, path: Path) -> str:
        """A file's path within the folder."""
        return path.relative_to(self.folder).as_posix()

    def notes(self) -> list[str]:
        """What to say of the files: those that are not read, and those whose names name no split."""
        held_out = "" if self.test else ", and a fifth of train is held out as test"
        if self.unread:
            return [f"not read: {self._listed(self.unread)}; validation is cut from train, by the seed{held_out}"]
        if self.unnamed:
            return [f"the names of {self._listed(self.train)} name no split, so they are one set{held_out}"]
        return []

    def _listed(self, paths: Sequence[Path]) -> str:
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        return ", ".join(self.name_of(path) for path in paths[:3]) + more

    def content_hash(self) -> str:
        """A hash of all that decides what is loaded: the files read, their names and splits, and the card.

        Raises:
            DataError: a file cannot be read.
        """
        digest = hashlib.sha256()
        for part, paths in (("train", self.train), ("test", self.test), ("card", self.cards)):
            for path in paths:
                digest.update(f"{part}\0".encode() + os.fsencode(self.name_of(path)) + b"\0")
                try:
                    with path.open("rb") as file:
                        digest.update(hashlib.file_digest(file, "sha256").digest())
                except OSError as error:
                    raise _unreadable(path, error) from error
        return digest.hexdigest()

    def stamp(self) -> tuple[tuple[str, ...], ...]:
        """Name, size and times of change of each of these files: another one wherever `content_hash` is another."""
        stats = [(path, path.stat()) for path in (*self.read, *self.cards)]
        return tuple(
            (str(path), str(path in self.test), *map(str, (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)))
            for path, stat in stats
        )


def holds_parquet(folder: Path) -> bool:
    """Whether a folder, or a folder in it, holds a Parquet file."""
    return folder.is_dir() and any(_is_parquet(path) for path in _visible_files(folder))


def find_layout(folder: Path) -> Layout:
    """Assign the files of a folder to splits.

    The card's ``configs`` decide; without them the words train, validation and test (and what the hub takes for them) in
    the names of files and folders, whatever their case. Files whose names name no split are the whole set if no other
    file's name does.

    Raises:
        DataError: there is no Parquet file, or its split is unknown; says how to mend it.
    """
    if not folder.is_dir():
        kind = "a file: name the folder that holds it" if folder.exists() else "no folder"
        raise DataError(f"{folder} is {kind}")
    files = _visible_files(folder)
    parquet = [path for path in files if _is_parquet(path)]
    if not parquet:
        raise DataError(
            f"expected Parquet files in {folder}, in the layout of the Hugging Face hub; {_what_there_is(files)}"
        )
    card = read_card(folder)
    chosen = configuration(card, folder)
    base = folder / str(chosen.get("data_dir") or "")
    within = [path for path in parquet if path.is_relative_to(base)]
    if "data_files" in chosen:
        splits = _splits_of_card(split_patterns(chosen["data_files"], folder), within, base, folder)
    else:
        splits = _splits_of_names(within, base)
    unnamed = len(splits.get("", ())) > 1
    splits = _with_train(splits, folder)
    train, test = splits["train"], splits.get("test", [])
    _refuse_missing_shards([*train, *test])
    others = [path for path in files if path.suffix.lower() not in NO_DATA and path.name not in DESCRIPTIONS]
    unread = [path for path in others if path not in train and path not in test]
    names = class_names(card, str(chosen.get("config_name", "")))
    return Layout(folder, tuple(train), tuple(test), tuple(unread), tuple(card_files(folder)), unnamed and not unread, names)


def _visible_files(folder: Path) -> list[Path]:
    """Every file that is not hidden; links are followed, no folder is entered twice, and those of runs are left out."""
    files: list[Path] = []
    entered: set[str] = set()
    for where, folders, names in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        real = os.path.realpath(where)
        if real in entered or "run.json" in names:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        files += [Path(where, name) for name in names if not name.startswith(".") and name not in CARDS]
    return sorted((path for path in files if path.is_file() or path.is_symlink()), key=str)  # no sockets and the like


def _refuse_unreadable(error: OSError) -> None:
    raise _unreadable(Path(error.filename), error) from error


def _unreadable(path: Path, error: OSError) -> DataError:
    target = f"a link to {os.readlink(path)}, and " if path.is_symlink() else ""
    return DataError(f"{path} is {target}not readable ({error.strerror or error}); mend its permissions, or fetch it again")


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _what_there_is(files: Sequence[Path]) -> str:
    names, endings = {path.name for path in files}, {path.suffix.lower() for path in files} - NO_DATA
    if ".arrow" in endings or names & {"dataset_dict.json", "state.json"}:
        return "it holds what save_to_disk writes: read it with datasets.load_from_disk and write each split with to_parquet"
    if endings:
        found = ", ".join(sorted(endings)[:3])
        return f"it holds {found} files: read them with datasets.load_dataset and write each split with to_parquet"
    return "it holds no data"


def _splits_of_card(patterns: dict[str, list[str]], files: list[Path], base: Path, folder: Path) -> dict[str, list[Path]]:
    splits: dict[str, list[Path]] = {}
    for split, given in patterns.items():
        found = {pattern: matching(pattern, files, base) for pattern in given}
        if missing := [pattern for pattern, paths in found.items() if not paths and split in ("train", "test")]:
            raise DataError(f"the card of {folder} names {missing[0]!r} for {split}, which is no Parquet file of the folder")
        splits[split] = list(dict.fromkeys(path for paths in found.values() for path in paths))
    if both := set(splits.get("train", [])) & set(splits.get("test", [])):
        raise DataError(f"the card of {folder} names {min(both)} for train and for test; mend it")
    return splits


def _splits_of_names(files: list[Path], base: Path) -> dict[str, list[Path]]:
    splits: dict[str, list[Path]] = {}
    for path in files:
        splits.setdefault(_split_of(path.relative_to(base)), []).append(path)
    if not set(splits) & set(WORDS):
        _refuse_glued_words(files)
    return splits


def _split_of(path: Path) -> str:
    """The split that a path names: one of `WORDS`, or what stands before a shard's number, or nothing."""
    words = {word for part in path.with_suffix("").parts for word in re.split(r"[\W\d_]+", part.lower())}
    found = [split for split, names in WORDS.items() if words & set(names)]
    shard = SHARD.match(path.name)
    prefix = shard[1] if shard else ""
    if prefix.lower() in WORDS:
        return prefix.lower()
    if len(found) > 1:
        raise DataError(f"{path} names the splits {' and '.join(found)}; name the file after one of them")
    return found[0] if found else prefix


def _refuse_glued_words(files: Sequence[Path]) -> None:
    """Files like trainset.parquet and testset.parquet are not to be taken for one set."""
    names = [path.stem.lower() for path in files]
    held_out = [name for name in names if any(word in name for word in ("test", "valid", "eval"))]
    if held_out and any("train" in name for name in names):
        raise DataError(
            f"the split of {held_out[0]}.parquet is unknown in {files[0].parent}; name the files train.parquet and "
            "test.parquet, or train-0.parquet, train-1.parquet and so on"
        )


def _with_train(splits: dict[str, list[Path]], folder: Path) -> dict[str, list[Path]]:
    """The splits with the only one under the name train, if it is none of the usual ones."""
    if "train" in splits:
        return splits
    if len(splits) != 1 or set(splits) & set(WORDS):
        found = ", ".join(sorted(filter(None, splits))) or "none"
        raise DataError(
            f"{folder} has no split named 'train'; it has {found}. Name the file to train on train.parquet; without a test "
            "file a fifth of it is held out"
        )
    (files,) = splits.values()
    return {"train": files}


def _refuse_missing_shards(files: Sequence[Path]) -> None:
    found: dict[tuple[Path, str, int], set[int]] = {}
    for path in files:
        if shard := SHARD.match(path.name):
            found.setdefault((path.parent, shard[1], int(shard[3])), set()).add(int(shard[2]))
    for (folder, prefix, count), numbers in found.items():
        if missing := sorted(set(range(count)) - numbers):
            raise DataError(
                f"{folder} holds {len(numbers)} of the {count} files of {prefix}: fetch "
                f"{prefix}-{missing[0]:05}-of-{count:05} and any other that is missing"
            )
