"""Programs that several test files use."""

LINEAR = """def Setup():
  s2 = 0.01
def Predict():
  s1 = dot(v0, v1)
def Learn():
  s3 = s0 - s1
  s4 = s3 * s2
  v2 = s4 * v0
  v1 = v1 + v2
"""

SOFTMAX = """def Setup():
  s2 = 0.1
def Predict():
  v2 = dot(m1, v0)
def Learn():
  v3 = v1 - v2
  v3 = s2 * v3
  m2 = outer(v3, v0)
  m1 = m1 + m2
"""
