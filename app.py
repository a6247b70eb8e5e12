"""The app: streamlit run app.py."""

from lrviz.ui.navigation import navigate

navigate()
