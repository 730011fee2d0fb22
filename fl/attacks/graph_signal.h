// Graph signal processing on a graph whose nodes are models: Laplacians and their bases.
#pragma once

#include "fl/attacks/small_matrix.h"

namespace fedcamae {

// D - A of an undirected weighted graph. Of a matrix that is not symmetric the lower triangle
// counts (networkx reads the later of two entries); the diagonal cancels.
SmallMatrix laplacian(const SmallMatrix& adjacency);
// U of the singular value decomposition U S V^T, largest singular value first.
SmallMatrix left_singular_vectors(const SmallMatrix& matrix);
// The K coefficients c with (column mean of U' U^T F) = c^T F for every F [K, d], where U and U'
// are the bases of the two graphs: c = U U'^T 1 / K. With them F' itself, K x d, is never formed.
std::vector<double> regenerated_mean(const SmallMatrix& before, const SmallMatrix& after);

// An orthonormal basis of a Laplacian's eigenvectors: first the null vector 1/sqrt(K), with this
// sign and also where the graph is not connected, then by eigenvalue, smallest first.
SmallMatrix laplacian_basis(const SmallMatrix& laplacian);
// U' U^T [K, K] of the bases before and after: what turns features F into F' = U' U^T F. The signs
// of eigenvectors are nobody's choice: each of U' but the null vector is turned towards its
// counterpart in U. Orthogonal, and its rows and columns sum to 1: F' has F's column means and F's
// total squared deviation from them.
SmallMatrix regeneration(const SmallMatrix& before, const SmallMatrix& after);

}  // namespace fedcamae
