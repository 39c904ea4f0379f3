"""Which channels are used by the same people: item-to-item cosine, shrunk where few people speak for it.

Each similarity comes from the columns of two channels alone, so a channel that is left out (a private one) cannot show
through the similarity of others. Sarwar et al. 2001, Item-based collaborative filtering recommendation algorithms.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from quikapp_ml.models.linear import Floats
from quikapp_ml.models.recommendation import ItemSimilarity
from quikapp_ml.training.choices import Integers

SHRINKAGE = 5.0
N_NEAREST = 30


def learn_similarity(channel_ids: Sequence[str], users: Integers, channels: Integers) -> ItemSimilarity:
    """Learn from pairs: person `users[i]` uses channel `channels[i]`, a row of `channel_ids`.

    Repeated pairs count once.
    """
    n_channels = len(channel_ids)
    if not len(users) or not n_channels:
        return ItemSimilarity.empty()
    pairs = np.unique(np.column_stack([users, channels]), axis=0)
    used = csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(int(pairs[:, 0].max()) + 1, n_channels))
    together = (used.T @ used).tocsr()
    n_users = together.diagonal()
    n_nearest = max(1, min(N_NEAREST, n_channels - 1))
    neighbours = np.zeros((n_channels, n_nearest), dtype=np.int32)
    similarities = np.zeros((n_channels, n_nearest))
    for row in range(n_channels):
        columns, cosines = _cosines(together[row], row, n_users)
        nearest = np.lexsort((columns, -cosines))[:n_nearest]
        neighbours[row, : len(nearest)] = columns[nearest]
        similarities[row, : len(nearest)] = cosines[nearest]
    return ItemSimilarity(channel_ids, neighbours, similarities)


def _cosines(shared: csr_matrix, row: int, n_users: Floats) -> tuple[Integers, Floats]:
    others = shared.indices != row
    columns, n_shared = shared.indices[others], shared.data[others]
    cosine = n_shared / np.sqrt(n_users[row] * n_users[columns])
    return columns, cosine * n_shared / (n_shared + SHRINKAGE)
