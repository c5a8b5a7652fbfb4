"""The radix tree: longest match, split, lock, eviction order, namespaces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgl.kvcache.node import IdArray
from sgl.kvcache.radix import RadixTree


def array(values: list[int] | range | str) -> IdArray:
    """Token ids from numbers, or from letters for legibility."""
    return np.array([ord(v) if isinstance(v, str) else v for v in values], dtype=np.int32)


def pages_of(tree: RadixTree, text: str, namespace: str = "") -> list[int]:
    return list(tree.match(namespace, array(text)).pages)


class TestMatch:
    def test_nothing_is_found_in_an_empty_tree(self) -> None:
        tree = RadixTree(1)
        assert tree.peek("", array("abc")) == 0
        node, pages, length = tree.match("", array("abc"))
        assert (pages.tolist(), length, node.size) == ([], 0, 0)

    def test_the_longest_prefix_is_found_with_its_pages(self) -> None:
        tree = RadixTree(1)
        tree.insert("", array("abcd"), array([1, 2, 3, 4]))
        tree.insert("", array("abxy"), array([91, 92, 5, 6]))
        assert pages_of(tree, "abcd") == [1, 2, 3, 4]
        assert pages_of(tree, "abxz") == [1, 2, 5]
        assert pages_of(tree, "b") == []
        assert tree.check() == []

    def test_whole_pages_only(self) -> None:
        tree = RadixTree(4)
        tree.insert("", array("abcdefgh"), array([1, 2]))
        assert tree.peek("", array("abcdefg")) == 4
        assert tree.peek("", array("abcdefgx")) == 4
        assert tree.peek("", array("abx")) == 0
        assert pages_of(tree, "abcdefghij") == [1, 2]

    def test_a_limit_is_rounded_down_to_pages(self) -> None:
        tree = RadixTree(4)
        tree.insert("", array("abcdefgh"), array([1, 2]))
        assert tree.match("", array("abcdefgh"), 7).length == 4
        assert tree.match("", array("abcdefgh"), 3).length == 0

    def test_peek_changes_nothing(self) -> None:
        tree = RadixTree(1)
        tree.insert("", array("abcd"), array([1, 2, 3, 4]))
        before = [(node.size, node.last_access, node.lock) for node in tree.nodes()]
        assert tree.peek("", array("abx")) == 2
        assert tree.peek("other", array("abx")) == 0
        assert [(node.size, node.last_access, node.lock) for node in tree.nodes()] == before

    def test_the_answer_is_the_callers_own(self) -> None:
        tree = RadixTree(1)
        ids, pages = array("ab"), array([1, 2])
        tree.insert("", ids, pages)
        ids[:] = 0
        pages[:] = 0
        tree.match("", array("ab")).pages[:] = 7
        assert pages_of(tree, "ab") == [1, 2]

    def test_namespaces_share_nothing(self) -> None:
        tree = RadixTree(1)
        tree.insert("red", array("ab"), array([1, 2]))
        tree.insert("blue", array("ab"), array([3, 4]))
        assert pages_of(tree, "ab", "red") == [1, 2]
        assert pages_of(tree, "ab", "blue") == [3, 4]
        assert pages_of(tree, "ab", "redblue") == []


class TestInsert:
    def test_says_how_much_was_there_and_with_which_pages(self) -> None:
        tree = RadixTree(2)
        tree.insert("", array("abcdef"), array([1, 2, 3]))
        node, present, pages = tree.insert("", array("abcdxyz!"), array([91, 92, 4, 5]))
        assert (present, pages.tolist()) == (4, [1, 2, 4, 5])
        assert node.pages.tolist() == [4, 5]
        assert tree.size == 5
        assert tree.check() == []

    def test_is_idempotent(self) -> None:
        tree = RadixTree(1)
        for pages in ([1, 2], [3, 4]):
            tree.insert("", array("ab"), array(pages))
        assert pages_of(tree, "ab") == [1, 2]
        assert tree.size == 2

    def test_the_order_of_inserts_does_not_matter(self) -> None:
        texts = ["aabb", "aab", "abab", "b"]
        found = set()
        for order in itertools.permutations(texts):
            tree = RadixTree(1)
            for text in order:
                tree.insert("", array(text), array(range(len(text))))
            found.add(tuple(tree.peek("", array(t)) for t in ("aabbb", "aaa", "abb", "ba", "c")))
        assert found == {(4, 2, 2, 1, 0)}

    def test_tokens_and_pages_must_fit_together(self) -> None:
        with pytest.raises(ValueError, match="3 tokens do not fill 1 pages of 2"):
            RadixTree(2).insert("", array("abc"), array([1]))


class TestLocks:
    def test_a_split_keeps_the_lock_on_both_halves(self) -> None:
        tree = RadixTree(1)
        node = tree.insert("", array("abcd"), array([1, 2, 3, 4])).node
        tree.lock(node)
        upper = tree.match("", array("ab")).node
        assert (upper.lock, node.lock) == (1, 1)
        assert (upper.pages.tolist(), node.pages.tolist()) == ([1, 2], [3, 4])
        assert (tree.protected, tree.evictable) == (4, 0)
        tree.unlock(node)
        assert (tree.protected, tree.evictable) == (0, 4)
        assert tree.check() == []

    def test_unlocking_twice_is_an_error(self) -> None:
        tree = RadixTree(1)
        node = tree.insert("", array("a"), array([1])).node
        tree.lock(node)
        tree.unlock(node)
        with pytest.raises(ValueError, match="not locked"):
            tree.unlock(node)

    def test_append_moves_the_lock_down(self) -> None:
        tree = RadixTree(1)
        root = tree.match("", array("abcd")).node
        tree.lock(root)
        node, present, _ = tree.append(root, array("abcd"), array([1, 2, 3, 4]))
        assert (present, node.lock, root.lock) == (0, 1, 1)
        assert tree.evict(9).size == 0
        tree.unlock(node)
        assert tree.evict(9).size == 4

    def test_a_node_grows_in_place_only_while_one_lease_uses_it(self) -> None:
        tree = RadixTree(1)
        root = tree.match("", array("ab")).node
        tree.lock(root)
        node = tree.append(root, array("ab"), array([1, 2])).node
        assert tree.append(node, array("c"), array([3])).node is node
        tree.lock(node)  # a second lease ends here; what the first adds is not his
        below = tree.append(node, array("d"), array([4])).node
        assert below is not node
        assert (node.lock, below.lock) == (2, 1)
        assert pages_of(tree, "abcd") == [1, 2, 3, 4]
        assert tree.check() == []

    def test_an_append_finds_what_another_has_inserted_meanwhile(self) -> None:
        tree = RadixTree(1)
        first = tree.insert("", array("ab"), array([1, 2])).node
        tree.lock(first)
        tree.lock(first)
        tree.append(first, array("cd"), array([3, 4]))
        node, present, pages = tree.append(first, array("cx"), array([93, 5]))
        assert (present, pages.tolist(), node.lock) == (1, [3, 5], 1)
        assert pages_of(tree, "abcd") == [1, 2, 3, 4]
        assert tree.check() == []

    def test_namespaces_nobody_uses_leave_nothing_behind(self) -> None:
        tree = RadixTree(1)
        for number in range(100):
            node = tree.match(str(number), array("ab")).node
            tree.lock(node)
            node = tree.append(node, array("a"), array([number])).node
            tree.unlock(node)
        tree.evict(100)
        assert list(tree.nodes()) == []


class TestEviction:
    def fill(self) -> RadixTree:
        tree = RadixTree(1)
        tree.insert("", array("aaa"), array([1, 2, 3]))
        tree.insert("", array("bbb"), array([4, 5, 6]))
        tree.insert("", array("bbc"), array([0, 0, 7]))
        return tree

    def test_takes_the_end_of_the_leaf_used_longest_ago(self) -> None:
        tree = self.fill()
        assert tree.evict(2).tolist() == [2, 3]
        assert pages_of(tree, "aaa") == [1]
        assert sorted(tree.evict(2).tolist()) == [6, 7]  # "a" was just used, so the b's go first
        assert tree.check() == []

    def test_gives_exactly_as_much_as_asked_or_all_there_is(self) -> None:
        for count in range(10):
            tree = self.fill()
            assert tree.evict(count).size == min(count, 7)
            assert tree.evictable == 7 - min(count, 7)
            assert tree.check() == []

    def test_a_hit_refreshes_the_whole_path(self) -> None:
        tree = self.fill()
        tree.match("", array("aaa"))
        assert sorted(tree.evict(4).tolist()) == [4, 5, 6, 7]

    def test_never_touches_what_is_locked(self) -> None:
        tree = self.fill()
        node = tree.match("", array("bb")).node
        tree.lock(node)
        assert sorted(tree.evict(100).tolist()) == [1, 2, 3, 6, 7]
        assert tree.evict(1).size == 0
        tree.unlock(node)
        assert tree.evict(100).tolist() == [4, 5]

    def test_flush_empties_the_tree_unless_it_is_in_use(self) -> None:
        tree = self.fill()
        node = tree.match("", array("aaa")).node
        tree.lock(node)
        with pytest.raises(ValueError, match="cannot be flushed"):
            tree.flush()
        tree.unlock(node)
        assert sorted(tree.flush().tolist()) == [1, 2, 3, 4, 5, 6, 7]
        assert (tree.size, tree.peek("", array("aaa"))) == (0, 0)
        assert tree.evict(5).size == 0

    def test_the_heap_stays_as_small_as_the_tree(self) -> None:
        tree = self.fill()
        for _ in range(1000):
            node = tree.match("", array("aaa")).node
            tree.lock(node)
            tree.unlock(node)
        assert len(tree._heap) <= sum(1 for _ in tree.nodes())


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([1, 2, 3]),
    st.lists(st.lists(st.integers(0, 2), max_size=14), max_size=12),
    st.lists(st.integers(0, 2), max_size=14),
)
def test_match_agrees_with_a_dictionary_of_all_prefixes(size: int, texts: list[list[int]], query: list[int]) -> None:
    tree = RadixTree(size)
    known: dict[tuple[int, ...], int] = {}
    fresh = itertools.count(1)
    for text in texts:
        whole = len(text) // size
        pages = [next(fresh) for _ in range(whole)]
        present = tree.insert("", array(text[: whole * size]), array(pages)).present
        prefixes = [tuple(text[: (i + 1) * size]) for i in range(whole)]
        assert present == size * sum(prefix in known for prefix in prefixes)
        for prefix, page in zip(prefixes, pages, strict=True):
            known.setdefault(prefix, page)
        assert tree.check() == []
    expected = []
    for end in range(size, len(query) + 1, size):
        if tuple(query[:end]) not in known:
            break
        expected.append(known[tuple(query[:end])])
    assert tree.peek("", array(query)) == len(expected) * size
    assert tree.match("", array(query)).pages.tolist() == expected
    assert tree.check() == []
    assert tree.size == len(known)
